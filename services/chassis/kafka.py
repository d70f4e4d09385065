"""Kafka clients from settings: every wait bounded, nothing committed or created behind our back."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, errors
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.net.compat import KafkaNetClient

from services.chassis.settings import Settings

log = logging.getLogger("danvan.kafka")
Client = TypeVar("Client")

CONNECT_MS = 5_000
REQUEST_MS = 10_000
DELIVERY_MS = 20_000
DESCRIBE_TRIES, DESCRIBE_SECONDS = 20, 0.1
SIGN_IN = "where it logs 'socket disconnected', the broker may have refused the password of {!r}"
"""kafka-python drops the broker's last word, why it does not let us in, when the connection ends with it."""
KafkaError = errors.KafkaError
NOT_NOW: tuple[type[Exception], ...] = (
    OSError,
    errors.RetriableError,
    errors.SaslAuthenticationFailedError,
    errors.OutOfOrderSequenceNumberError,
    errors.UnknownProducerIdError,
    errors.InvalidProducerEpochError,
    errors.InvalidProducerIdMappingError,
    errors.ProducerFencedError,
)
"""What waiting may mend: brokers away or not letting us in, and the state an idempotent producer lost (a new producer
has its own)."""


def topic_of(settings: Settings, service: str) -> str:
    """The topic that carries a service's events."""
    return f"{settings.kafka_topic_prefix}.{service}"


def _common(settings: Settings, name: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap.split(","),
        "client_id": name,
        "security_protocol": settings.kafka_security_protocol,
        "bootstrap_timeout_ms": CONNECT_MS,
        "request_timeout_ms": REQUEST_MS,
        "reconnect_backoff_max_ms": 1_000,
        "metadata_max_age_ms": 30_000,
    }
    for option, path in (
        ("ssl_cafile", settings.kafka_ca_file),
        ("ssl_certfile", settings.kafka_cert_file),
        ("ssl_keyfile", settings.kafka_key_file),
    ):
        if path is not None:
            options[option] = str(path)
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return options


def _made(kind: Callable[..., Client], **options: Any) -> Client:
    """A client; when its constructor fails, the thread and sockets that it began with end too."""
    begun: list[Any] = []

    def net(**config: Any) -> Any:
        begun.append(KafkaNetClient(**config))
        return begun[-1]

    try:
        return kind(kafka_client=net, **options)
    except BaseException as error:
        for client in begun:
            client.close()
        if isinstance(error, errors.KafkaTimeoutError) and options["security_protocol"].startswith("SASL"):
            raise errors.KafkaTimeoutError(f"{error}: {SIGN_IN.format(options['sasl_plain_username'])}") from error
        raise


def producer(settings: Settings, name: str) -> Any:
    """An idempotent KafkaProducer, acks from all in-sync replicas. Blocks up to 5 s, then raises NOT_NOW."""
    return _made(
        KafkaProducer,
        **_common(settings, name),
        enable_idempotence=True,
        acks="all",
        max_block_ms=CONNECT_MS,
        delivery_timeout_ms=DELIVERY_MS,
        batch_size=128 << 10,
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )


def abandon(client: Any) -> None:
    """Make a producer send nothing more, whatever is under way; its thread ends within a second.

    `close(timeout=0)` alone flushes first, fails at what is under way, and leaves the thread sending.
    """
    client._sender.force_close()
    client._sender.join(1)
    with suppress(errors.KafkaTimeoutError):
        client.close(timeout=0)


def consumer(settings: Settings, name: str, group: str) -> Any:
    """A KafkaConsumer that never commits, and never chooses an offset itself. Blocks up to 5 s, as `producer`.

    The range assignor gives the same partitions of every topic to the same member.
    """
    return _made(
        KafkaConsumer,
        **_common(settings, name),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        allow_auto_create_topics=False,
        partition_assignment_strategy=(RangePartitionAssignor,),
        max_poll_records=settings.consumer_batch,
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=500,
        session_timeout_ms=15_000,
        heartbeat_interval_ms=1_000,
        max_poll_interval_ms=60_000,
        metrics_enabled=False,
    )


@contextmanager
def _admin(settings: Settings) -> Iterator[Any]:
    with closing(_made(KafkaAdminClient, **_common(settings, "danvan-admin"))) as client:
        yield client


def ensure_topic(settings: Settings, topic: str) -> None:
    """Make the topic if there is none; history is kept for ever, whoever made it. Blocks; raises KafkaError.

    The partitions of a topic that exists are left alone: another number would break the order of an entity's events.
    """
    with _admin(settings) as admin:
        wanted = {
            "num_partitions": settings.kafka_partitions,
            "replication_factor": settings.kafka_replication,
            "configs": {
                "retention.ms": "-1",
                "retention.bytes": "-1",
                "cleanup.policy": "delete",
                "min.insync.replicas": str(max(1, settings.kafka_replication - 1)),
            },
        }
        try:
            admin.create_topics({topic: wanted}, timeout_ms=CONNECT_MS, wait_for_metadata=True)
            log.info("topic made", extra={"topic": topic})
        except errors.TopicAlreadyExistsError:
            _keep_history(admin, topic)


def _keep_history(admin: Any, topic: str) -> None:
    """Make a topic that somebody else made keep its history; one made this moment may not be described yet."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    try:
        for _ in range(DESCRIBE_TRIES):
            found = admin.describe_configs([resource], config_filter="all")["topic"].get(topic, {})
            if "retention.ms" in found:
                break
            time.sleep(DESCRIBE_SECONDS)
        else:
            raise errors.KafkaTimeoutError(f"{topic} is not described yet")
        retention = found["retention.ms"]["value"]
        if retention != "-1":
            log.warning("topic would forget", extra={"topic": topic, "retention_ms": retention})
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "-1"})])
    except errors.AuthorizationError as error:
        log.warning("cannot see whether the topic keeps its history", extra={"topic": topic, "error": repr(error)})
