"""Every setting of every process, in one class; the only module that reads the environment.

`DANVAN_<NAME>` sets a value; `DANVAN_<NAME>_FILE` names a file that holds it (secrets). A `DANVAN_…` variable that
is no setting is refused: a misspelt setting must not pass for its default.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from services.chassis.sealing import keys_of

PREFIX = "DANVAN_"
Port = Annotated[int, Field(ge=0, le=65535)]


def _sealing_keys(text: SecretStr) -> SecretStr:
    keys_of(text.get_secret_value())
    return text


class SettingsError(ValueError):
    """The environment does not make valid settings; the message names each variable at fault."""


class Settings(BaseModel):
    """All settings. Times are seconds unless the name says otherwise; sizes are bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str = Field(description="postgresql://user@host:port/database?sslmode=verify-full&sslrootcert=…")
    database_password: SecretStr | None = Field(None, description="Password, if the URL holds none.")
    database_pool_max: int = Field(10, ge=1, le=500, description="Connections a process may hold; turns are fair.")
    statement_timeout_ms: int = Field(10_000, ge=0, description="PostgreSQL ends a statement that takes longer.")

    kafka_bootstrap: str = Field("localhost:9092", description="host:port[,host:port…]")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How brokers are reached."
    )
    kafka_ca_file: Path | None = Field(None, description="CA that signs the brokers' certificates.")
    kafka_cert_file: Path | None = Field(None, description="Client certificate, for mutual TLS.")
    kafka_key_file: Path | None = Field(None, description="Key of the client certificate.")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="Used with SASL_… protocols."
    )
    kafka_sasl_username: str | None = Field(None, description="SASL user.")
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password.")
    kafka_topic_prefix: str = Field(
        "danvan", pattern=r"^[a-z0-9._-]+$", description="Topics are <prefix>.members, <prefix>.loans …"
    )
    kafka_partitions: int = Field(6, ge=1, le=1000, description="Of a topic that is made; never changed afterwards.")
    kafka_replication: int = Field(1, ge=1, le=9, description="Of a topic that is made; 3 in production.")
    consumer_group: str = Field("reporting", description="Kafka group of the projector's replicas.")
    consumer_batch: int = Field(5_000, ge=1, le=100_000, description="Events applied in one transaction, at most.")

    issuer_url: str = Field(
        "http://localhost:8099", description="OpenID issuer; its discovery document gives the keys."
    )
    audience: str = Field("danvan", description="`aud` a token must carry.")

    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: Port = Field(8000, description="Port of the API; 0 picks a free one.")
    ops_host: str = Field("127.0.0.1", description="Address of /livez, /readyz and /metrics.")
    ops_port: Port = Field(9000, description="Port of /livez, /readyz and /metrics.")
    drain_seconds: int = Field(20, ge=0, le=600, description="How long SIGTERM waits for requests under way.")
    max_request_bytes: int = Field(4 << 20, ge=1024, description="A larger body is refused with 413.")
    max_import_bytes: int = Field(64 << 20, ge=1024, description="A larger file to be imported is refused with 413.")
    import_days: int = Field(30, ge=1, le=400, description="How long an imported file and its rows are kept.")
    rate_per_second: int = Field(1_000, ge=0, description="Requests a second per caller and process; 0 is no limit.")
    rate_burst: int = Field(2_000, ge=1, description="Requests a caller may have saved up.")
    idempotency_days: int = Field(30, ge=1, le=400, description="How long an Idempotency-Key's answer is kept.")
    wait_for_max_ms: int = Field(5_000, ge=0, le=60_000, description="How long Wait-For waits, at most.")

    webhook_key: Annotated[SecretStr, AfterValidator(_sealing_keys)] | None = Field(
        None, description="Seals webhooks' signing secrets: 32 bytes in base64; several, and the first seals."
    )
    webhook_insecure: bool = Field(False, description="Webhooks may use http, any port, private networks.")
    webhook_ports: str = Field("443,8443", pattern=r"^\d+(,\d+)*$", description="Ports webhooks may go to.")
    webhook_ca_file: Path | None = Field(None, description="CA of webhooks' receivers, beside the system's.")
    webhook_timeout: float = Field(15, gt=0, le=60, description="How long a receiver may take to answer.")
    webhook_retry: float = Field(1, gt=0, le=3600, description="First wait after a failure; doubles up to an hour.")
    webhook_retry_days: float = Field(3, ge=0, le=30, description="Failing so long, a webhook is disabled.")
    personal_key: Annotated[SecretStr, AfterValidator(_sealing_keys)] | None = Field(
        None, description="Seals the keys of citizen numbers and phones: 32 bytes in base64; several, the first seals."
    )
    rekey_wait: float = Field(240, ge=0, le=3600, description="How long `rekey` waits until all seal with a new key.")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level logged.")
    otlp_endpoint: str | None = Field(None, description="OTLP/HTTP collector, http://host:4318; none sends no traces.")
    trace_ratio: float = Field(1.0, ge=0, le=1, description="Share of new traces recorded when there is a collector.")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Settings from `environ` (default: the process's). Raises SettingsError naming every variable at fault."""
        environ = os.environ if environ is None else environ
        values: dict[str, str] = {}
        faults: list[str] = []
        for variable, value in environ.items():
            if not variable.startswith(PREFIX):
                continue
            name = variable.removeprefix(PREFIX).lower()
            if name in cls.model_fields:
                values[name] = value
            elif name.endswith("_file") and name.removesuffix("_file") in cls.model_fields:
                target = name.removesuffix("_file")
                if f"{PREFIX}{target.upper()}" in environ:
                    faults.append(f"{variable}: set together with {PREFIX}{target.upper()}")
                    continue
                try:
                    values[target] = Path(value).read_text(encoding="utf-8").strip()
                except OSError as error:
                    faults.append(f"{variable}: {error.strerror}: {value}")
            else:
                faults.append(f"{variable}: no such setting")
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            faults += [
                f"{PREFIX}{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_input=False)
            ]
        if faults:
            raise SettingsError("; ".join(sorted(faults)))
        return settings


class Entry(BaseModel):
    """One row of the settings' documentation."""

    variable: str
    default: str
    description: str


def documented() -> list[Entry]:
    """Every setting with its variable, default and meaning, for the README's table."""
    return [
        Entry(
            variable=f"{PREFIX}{name.upper()}",
            default="required" if field.is_required() else "" if field.default is None else str(field.default),
            description=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]
