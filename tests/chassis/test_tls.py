"""Engines outside, over TLS: Kafka by password and by certificate, PostgreSQL by verify-full; impostors are refused."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from contracts.catalog import EVENTS, read
from deploy.dev.engines import Kafka, Postgres
from deploy.dev.process import free_port
from services.chassis import db, kafka, migrate, worker
from services.chassis.consumer import consume
from services.chassis.relay import relay
from services.chassis.settings import Settings
from tests.chassis import bus
from tests.conftest import SERVICES, Api, Database
from tests.tls import Authority, PostgresTls

PASSWORD = "a password of the tests"
LISTENERS = """
listeners=PLAINTEXT://{plain},CONTROLLER://127.0.0.1:{controller},PASSWORD://{password},CERTIFICATE://{certificate}
advertised.listeners=PLAINTEXT://{plain},PASSWORD://{password},CERTIFICATE://{certificate}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PASSWORD:SASL_SSL,CERTIFICATE:SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.password.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.certificate.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
"""


class SecureKafka(Kafka):
    """A broker that also listens with SCRAM over TLS, and with TLS that asks for a client certificate."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        super().__init__(folder)
        self.authority = authority
        self.password, self.certificate = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"

    def _configure(self) -> Path:
        path = super()._configure()
        lines = LISTENERS.format(
            plain=self.bootstrap,
            controller=self.controller_port,
            password=self.password,
            certificate=self.certificate,
            keystore=self.authority.issue("broker", "127.0.0.1").both,
            truststore=self.authority.file,
        )
        path.write_text(path.read_text() + lines)  # of two lines for one property, the last counts
        return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom everybody trusts."""
    return Authority(tmp_path_factory.mktemp("trusted"), "trusted")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def broker(folder: Path, authority: Authority) -> Iterator[SecureKafka]:
    """Such a broker, with one user."""
    engine = SecureKafka(folder / "secure-kafka", authority)
    engine.start()
    with closing(KafkaAdminClient(bootstrap_servers=engine.bootstrap)) as admin:
        user = UserScramCredentialUpsertion("danvan", ScramMechanism.SCRAM_SHA_512, PASSWORD)
        assert admin.alter_user_scram_credentials([user]) == {"danvan": None}
    yield engine
    engine.stop()


@pytest.fixture
async def urls(database: Database) -> tuple[str, str]:
    """Databases of an owner and of a reader."""
    return await database("members"), await database("reporting")


@pytest.fixture
def ways(broker: SecureKafka, authority: Authority, tmp_path: Path) -> dict[str, dict[str, str]]:
    """Both ways in, as a deployment sets them."""
    client = authority.issue("client")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return {
        "password": {
            "DANVAN_KAFKA_BOOTSTRAP": broker.password,
            "DANVAN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "DANVAN_KAFKA_CA_FILE": str(authority.file),
            "DANVAN_KAFKA_SASL_USERNAME": "danvan",
            "DANVAN_KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "password"),
        },
        "certificate": {
            "DANVAN_KAFKA_BOOTSTRAP": broker.certificate,
            "DANVAN_KAFKA_SECURITY_PROTOCOL": "SSL",
            "DANVAN_KAFKA_CA_FILE": str(authority.file),
            "DANVAN_KAFKA_CERT_FILE": str(client.certificate),
            "DANVAN_KAFKA_KEY_FILE": str(client.key),
        },
    }


def both(environment: Mapping[str, str], urls: Sequence[str]) -> tuple[Settings, Settings]:
    """Settings of an owner and of a reader on topics of their own."""
    prefix = f"test-{uuid4()}"
    common = {**environment, "DANVAN_KAFKA_TOPIC_PREFIX": prefix, "DANVAN_CONSUMER_GROUP": prefix}
    owner, reader = (Settings.load({**common, "DANVAN_DATABASE_URL": url}) for url in urls)
    return owner, reader


@pytest.mark.parametrize("way", ["password", "certificate"])
async def test_events_go_over_tls(ways: dict[str, dict[str, str]], urls: tuple[str, str], way: str) -> None:
    """The relay makes its topic and publishes, the reader reads: by SCRAM-SHA-512, and by a client certificate."""
    owner, reader = both(ways[way], urls)
    conn, kept = await asyncpg.connect(owner.database_url), await asyncpg.connect(reader.database_url)
    await bus.write(conn, uuid4(), 1)

    async def applied() -> bool:
        return bool(await kept.fetchval("select count(*) = 1 from entity"))

    jobs = [worker.Worker(), worker.Worker()]
    bodies = (
        relay(jobs[0], owner, "members"),
        consume(jobs[1], reader, reader.consumer_group, ("members",), read, EVENTS, bus.nothing),
    )
    async with bus.at_work(*bodies, jobs=jobs):
        await bus.until(applied)
    assert [read(record.value).version for record in await bus.published(owner)] == [1]
    await conn.close()
    await kept.close()


@pytest.fixture
def mistakes(ways: dict[str, dict[str, str]], stranger: Authority) -> dict[str, dict[str, str]]:
    """The same settings, each with one thing wrong."""
    password, certificate = ways["password"], ways["certificate"]
    unsaid = {name: value for name, value in password.items() if name != "DANVAN_KAFKA_SASL_PASSWORD_FILE"}
    own = {"DANVAN_KAFKA_CERT_FILE", "DANVAN_KAFKA_KEY_FILE"}
    elsewhere = password["DANVAN_KAFKA_BOOTSTRAP"].replace("127.0.0.1", "localhost")
    return {
        "password": {**unsaid, "DANVAN_KAFKA_SASL_PASSWORD": "guessed"},
        "authority": {**password, "DANVAN_KAFKA_CA_FILE": str(stranger.file)},
        "host": {**password, "DANVAN_KAFKA_BOOTSTRAP": elsewhere},
        "no certificate": {name: value for name, value in certificate.items() if name not in own},
    }


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ("password", "may have refused the password of 'danvan'"),
        ("authority", "CERTIFICATE_VERIFY_FAILED"),
        ("host", "certificate is not valid for 'localhost'"),
        ("no certificate", "TLSV13_ALERT_CERTIFICATE_REQUIRED"),
    ],
)
async def test_who_is_not_let_in_waits_and_says_why(
    mistakes: dict[str, dict[str, str]],
    urls: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mistake: str,
    reason: str,
) -> None:
    """A wrong password, an unknown authority, another host's certificate, none of one's own: not ready, not busy."""
    monkeypatch.setattr(kafka, "CONNECT_MS", 500)
    owner, reader = both(mistakes[mistake], urls)
    jobs = [worker.Worker(), worker.Worker()]

    async def tried() -> bool:
        return all(job.faults["kafka"] >= 4 for job in jobs)

    bodies = (
        relay(jobs[0], owner, "members"),
        consume(jobs[1], reader, reader.consumer_group, ("members",), read, EVENTS, bus.nothing),
    )
    async with bus.at_work(*bodies, jobs=jobs):
        busy, since = time.process_time(), time.monotonic()
        await bus.until(tried)
        share = (time.process_time() - busy) / (time.monotonic() - since)
        assert [job.ready["kafka"] for job in jobs] == [False, False]
        assert all(job.live() for job in jobs)
    assert share < 0.5
    assert reason in caplog.text + " ".join(str(getattr(line, "error", "")) for line in caplog.records)


@pytest.fixture
async def guarded(postgres: Postgres, authority: Authority) -> AsyncIterator[PostgresTls]:
    """PostgreSQL behind TLS, with a certificate for `localhost`."""
    async with PostgresTls(authority.issue("database", "localhost"), postgres.port) as proxy:
        yield proxy


def guarded_settings(
    postgres: Postgres, proxy: PostgresTls, url: str, authority: Authority, host: str = "localhost"
) -> Settings:
    """Settings that reach a database through the proxy, its password in a file."""
    where = f"postgresql://postgres@{host}:{proxy.port}/{url.rsplit('/', 1)[1]}"
    return Settings.load(
        {
            "DANVAN_DATABASE_URL": f"{where}?sslmode=verify-full&sslrootcert={authority.file}",
            "DANVAN_DATABASE_PASSWORD_FILE": str(postgres.folder / "password"),
        }
    )


async def test_postgresql_over_tls(
    postgres: Postgres, guarded: PostgresTls, database: Database, authority: Authority, api: Api
) -> None:
    """Migrations, a session and an API by verify-full, with the password from a file."""
    settings = guarded_settings(postgres, guarded, await database(), authority)
    await migrate.upgrade(settings, SERVICES / "members" / "migrations")
    conn = await db.connect(settings, "probe")
    await bus.write(conn, uuid4(), 1)
    assert await conn.fetchval("select count(*) from journal") == 1
    members = await api("members", settings.database_url, database_password=settings.database_password)
    assert (await members.get("/v1/events")).status_code == 200
    assert guarded.served >= 3
    await conn.close()


async def test_an_impostor_of_the_database_gets_nothing(
    postgres: Postgres,
    guarded: PostgresTls,
    database: Database,
    authority: Authority,
    stranger: Authority,
    api: Api,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An unknown authority, another host's certificate, a server without TLS: 503, not ready, and the reason logged."""
    url = await database("members")
    plain = Settings(database_url=f"{url}?sslmode=verify-full&sslrootcert={authority.file}", database_password=None)
    for settings, reason in (
        (guarded_settings(postgres, guarded, url, stranger), "CERTIFICATE_VERIFY_FAILED"),
        (guarded_settings(postgres, guarded, url, authority, "127.0.0.1"), "certificate is not valid for '127.0.0.1'"),
        (plain, "rejected SSL upgrade"),
    ):
        caplog.clear()
        pool = db.Pool(settings, "probe")
        assert await db.asked(pool, "select true") is None
        pool.terminate()
        assert reason in str(caplog.records[-1].__dict__["error"])
        members = await api("members", settings.database_url, database_password=settings.database_password)
        assert (await members.get("/v1/events")).status_code == 503
    assert guarded.served == 0


async def test_a_wrong_password_of_the_database_is_waited_out(
    postgres: Postgres, kafka: Kafka, database: Database
) -> None:
    """The relay is not ready while its password is refused, and goes on when it is let in."""
    url = await database("members")
    conn = await asyncpg.connect(url)
    role = f"relay_{uuid4().hex}"
    await conn.execute(f"create role {role} superuser login password 'another'")
    settings = bus.settings(
        kafka, url.replace(f"postgres:{postgres.password}", f"{role}:{PASSWORD.replace(' ', '%20')}")
    )
    job = worker.Worker()

    async def refused() -> bool:
        return job.faults["database"] > 1

    async def ready() -> bool:
        return job.ready == {"database": True, "kafka": True}

    async with bus.at_work(relay(job, settings, "members"), jobs=[job]):
        await bus.until(refused)
        assert job.ready["database"] is False
        await conn.execute(f"alter role {role} password '{PASSWORD}'")
        await bus.until(ready)
    await conn.execute(f"drop role {role}")
    await conn.close()
