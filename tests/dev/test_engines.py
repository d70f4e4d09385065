"""The embedded engines keep what they were given, whatever ends them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from deploy.dev.engines import Failed, Kafka, Postgres
from deploy.dev.postgres import working_in
from deploy.dev.process import free_port, is_free


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A server of one test, in a folder that only its owner may enter."""
    tmp_path.chmod(0o700)
    engine = Postgres(tmp_path / "postgres", durable=False)
    engine.start()
    yield engine
    engine.stop()


def test_postgres_keeps_data_over_kill_and_restart(postgres: Postgres) -> None:
    """What was committed is there after SIGKILL and after a stop, on the same port."""
    postgres.execute("create table kept (value int); insert into kept values (7)")
    postgres.kill()
    with pytest.raises(Failed, match="not running"):
        _ = postgres.pid
    postgres.start()
    assert postgres.execute("select value from kept") == "7"
    postgres.stop()
    postgres.start()
    assert postgres.execute("select value from kept") == "7"


def test_postgres_survives_a_stale_lock_whose_process_id_is_somebody_elses(postgres: Postgres) -> None:
    """After a power cut the id in postmaster.pid may be any living process: it is not taken for a server."""
    lock = postgres.data / "postmaster.pid"
    lines = lock.read_text().splitlines()
    postgres.kill()
    lock.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    postgres.start()
    assert postgres.execute("select 1") == "1"


def test_second_postgres_in_the_same_folder_is_refused(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers never share a data folder, and the first one runs on."""
    monkeypatch.setattr("deploy.dev.postgres.PATIENCE", 0.1)
    with pytest.raises(Failed, match="already runs"):
        Postgres(postgres.folder, durable=False).start()
    assert postgres.execute("select 1") == "1"


def test_postgres_never_runs_as_root_and_listens_on_loopback_only(postgres: Postgres) -> None:
    """Started by root it runs as somebody else; it asks for a password and speaks on 127.0.0.1 only."""
    assert Path(f"/proc/{postgres.pid}").stat().st_uid == (os.geteuid() or postgres.data.stat().st_uid) != 0
    assert postgres.execute("show listen_addresses") == "127.0.0.1"
    wrong = {**os.environ, "PGPASSWORD": "wrong"}
    refused = subprocess.run(postgres.psql(), env=wrong, input="", capture_output=True, text=True, check=False)
    assert "password authentication failed" in refused.stderr


def test_postgres_settings(postgres: Postgres) -> None:
    """UTF-8 with the built-in locale, UTC, 200 connections; committed means written even without fsync."""
    shown = postgres.execute(
        "select datlocprovider, datlocale, pg_encoding_to_char(encoding) from pg_database where datname = 'postgres'"
    )
    assert shown == "b|C.UTF-8|UTF8"
    for name, value in {
        "timezone": "UTC",
        "max_connections": "200",
        "synchronous_commit": "on",
        "fsync": "off",
    }.items():
        assert postgres.execute(f"show {name}") == value


def test_engine_ends_with_its_parent(tmp_path: Path) -> None:
    """A test run that is killed leaves no server behind."""
    code = f"""
import sys, time
from pathlib import Path
from deploy.dev.engines import Postgres
engine = Postgres(Path({str(tmp_path)!r}) / "postgres", durable=False)
engine.start()
print(engine.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        assert int(parent.stdout.readline()) > 0
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until = time.monotonic() + 10
    while working_in(tmp_path / "postgres" / "data"):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_kafka_keeps_data_over_kill_and_restart(tmp_path: Path) -> None:
    """What was acknowledged is read after SIGKILL, after a stop, and on another port; no topic appears by itself."""
    kafka = Kafka(tmp_path / "kafka")
    kafka.start()
    try:
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        admin.create_topics([NewTopic("kept", 1, 1)])
        admin.close()
        send(kafka, b"one")
        kafka.kill()
        kafka.start()
        send(kafka, b"two")
        kafka.stop()
        kafka = Kafka(tmp_path / "kafka")
        kafka.start()
        assert read(kafka) == [b"one", b"two"]
    finally:
        kafka.stop()


def send(kafka: Kafka, value: bytes) -> None:
    """Send one record to `kept` and wait for the acknowledgement."""
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    producer.send("kept", value).get(timeout=20)
    producer.close()


def read(kafka: Kafka) -> list[bytes]:
    """Every value of `kept`; also that only this topic exists."""
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=None, auto_offset_reset="earliest")
    assert consumer.topics() == {"kept"}
    part = TopicPartition("kept", 0)
    consumer.assign([part])
    values: list[bytes] = []
    while len(values) < consumer.end_offsets([part])[part]:
        values += [record.value for records in consumer.poll(timeout_ms=5000).values() for record in records]
    consumer.close()
    return values


def test_free_ports_differ_and_are_free() -> None:
    """No port is given twice, each can be bound, and a taken one is seen to be taken."""
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert all(is_free(port) for port in ports)
