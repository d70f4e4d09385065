"""The whole platform on one machine: engines, databases, migrations, every process, the issuer.

    stack = Stack(folder)
    stack.start(); stack.addresses["members"]; stack.token()
    stack.kill("members-relay"); stack.run("members-relay")
    stack.stop()

A process is named `<service>-<job>`; a further replica of it `<service>-<job>-2` and so on. `members-webhooks` and
`loans-webhooks` are not among those started at first: `stack.run("members-webhooks")`.
"""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.dev import issuer
from deploy.dev.kafka import Kafka
from deploy.dev.postgres import Postgres, working_in
from deploy.dev.process import Failed, end, free_port, is_free, spawn, tail, wait_until

ROOT = Path(__file__).resolve().parents[2]
SERVICES = {
    "members": ("api", "relay", "importer"),
    "loans": ("api", "relay", "follower"),
    "reporting": ("api", "projector"),
}
PREFERRED = {"reporting": 8000, "members": 8001, "loans": 8002, "issuer": 8099, "postgres": 15432, "kafka": 19092}


class Stack:
    """Everything in one folder. `ports`: wishes by name (`members`, `kafka`, …); `settings`: DANVAN_ values by name."""

    def __init__(
        self,
        folder: Path,
        *,
        ports: Mapping[str, int] | None = None,
        settings: Mapping[str, str] | None = None,
        durable: bool = True,
        say: Callable[[str], None] = print,
    ) -> None:
        self.folder = folder.absolute()
        self.logs = self.folder / "logs"
        self.keys = {name: self.folder / f"{name}.key" for name in ("webhook", "personal")}
        self.say = say
        self.settings = dict(settings or {})
        self.ports = self._choose_ports(dict(ports or {}))
        self.postgres = Postgres(self.folder / "postgres", self.ports["postgres"], durable)
        self.kafka = Kafka(self.folder / "kafka", self.ports["kafka"])
        self.addresses = {name: f"http://127.0.0.1:{self.ports[name]}" for name in (*SERVICES, "issuer")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ops: dict[str, str] = {}

    def start(self) -> None:
        """Start all, in an order that overlaps waiting, and return when every process says it is ready."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for log in self.logs.glob("*.log"):
            log.replace(log.with_suffix(".log.before"))
        self._make_keys()
        self.say("PostgreSQL")
        self.postgres.start()
        self._create_databases()
        self.say("migrations")
        migrations = {service: self._spawn(f"{service}-migrate", 0) for service in SERVICES}
        self.say("Kafka")
        self.kafka.start()
        for service, process in migrations.items():
            if process.wait(300):
                log = self.logs / f"{service}-migrate.log"
                raise Failed(f"{service}'s migration ended with code {process.returncode}\n{tail(log)}")
        self.say("the services")
        self._start_issuer()
        names = [f"{service}-{job}" for service, jobs in SERVICES.items() for job in jobs]
        for name in names:
            self.run(name, wait=False)
        for name in names:
            self.wait_ready(name)

    def run(self, name: str, wait: bool = True) -> None:
        """Start a process, or a further replica (`members-relay-2`), that does not run."""
        if name in self.processes and self.processes[name].poll() is None:
            raise Failed(f"{name} already runs")
        ops_port = free_port()
        self.ops[name] = f"http://127.0.0.1:{ops_port}"
        self.processes[name] = self._spawn(name, ops_port)
        if wait:
            self.wait_ready(name)

    def wait_ready(self, name: str, seconds: float = 60) -> None:
        """Until the process's /readyz says yes. `Failed` with the tail of its log if it dies or takes too long."""
        wait_until(lambda: self.ready(name), self.processes[name], name, self.logs / f"{name}.log", seconds)

    def ready(self, name: str) -> bool:
        """What the process's /readyz says now."""
        return answers(f"{self.ops[name]}/readyz")

    def kill(self, name: str) -> None:
        """SIGKILL a process, as a crash would."""
        self.processes[name].kill()
        self.processes[name].wait()

    def terminate(self, name: str, seconds: float = 30) -> None:
        """SIGTERM a process and wait until it has drained."""
        end(self.processes[name], signal.SIGTERM, seconds)

    def ended(self) -> list[str]:
        """Names of processes and engines that run no more."""
        found = [name for name, process in self.processes.items() if process.poll() is not None]
        return found + [name for name, engine in self.engines().items() if not engine.running]

    def engines(self) -> dict[str, Postgres | Kafka]:
        """Both engines by name."""
        return {"postgres": self.postgres, "kafka": self.kafka}

    def pids(self, name: str) -> list[int]:
        """Every process of a process or an engine; PostgreSQL has many."""
        if name == "postgres":
            return working_in(self.postgres.data)
        return [self.kafka.pid if name == "kafka" else self.processes[name].pid]

    def log_of(self, name: str) -> Path:
        """Where a process or an engine logs."""
        engine = self.engines().get(name)
        return engine.log if engine else self.logs / f"{name}.log"

    def stop(self) -> None:
        """Stop all in reverse order; the services drain side by side. Safe to call at any time."""
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes.values()):
            end(process, signal.SIGTERM, 30)
        self.kafka.stop()
        self.postgres.stop()

    def token(self, client: str = "province") -> str:
        """An access token of a demo client, valid for twelve hours."""
        return token(self.folder, self.addresses["issuer"], client)

    def environment(self, service: str, ops_port: int, port: int) -> dict[str, str]:
        """Our environment with the settings of one process."""
        own = {
            "DATABASE_URL": f"postgresql://{service}@127.0.0.1:{self.ports['postgres']}/{service}",
            "DATABASE_PASSWORD_FILE": str(self.postgres.folder / "password"),
            "KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "ISSUER_URL": self.addresses["issuer"],
            **{f"{name.upper()}_KEY_FILE": str(path) for name, path in self.keys.items()},
            "WEBHOOK_INSECURE": "true",
            "PORT": str(port),
            "OPS_PORT": str(ops_port),
            **self.settings,
        }
        return {**os.environ, **{f"DANVAN_{name}": value for name, value in own.items()}}

    def _spawn(self, name: str, ops_port: int) -> subprocess.Popen[bytes]:
        service, job, *replica = name.split("-")
        port = self.ports[service] if job == "api" and not replica else free_port()
        if job == "api":
            self.addresses["-".join([service, *replica])] = f"http://127.0.0.1:{port}"
        return spawn(
            [sys.executable, "-m", f"services.{service}.main", job],
            log=self.logs / f"{name}.log", env=self.environment(service, ops_port, port), cwd=ROOT,
        )  # fmt: skip

    def _make_keys(self) -> None:
        for path in self.keys.values():
            if not path.exists():
                path.touch(0o600)
                path.write_bytes(base64.b64encode(secrets.token_bytes(32)))

    def _start_issuer(self) -> None:
        key, log = self.folder / "issuer.pem", self.logs / "issuer.log"
        command = [sys.executable, "-m", "deploy.dev.issuer", str(self.ports["issuer"]), str(key)]
        self.processes["issuer"] = process = spawn(command, log=log, cwd=ROOT)
        url = f"{self.addresses['issuer']}/.well-known/openid-configuration"
        wait_until(lambda: answers(url), process, "the issuer", log, 60)

    def _create_databases(self) -> None:
        """A role and a database of its own for each service: none can read another's."""
        for service in SERVICES:
            exists = f"where not exists (select from pg_roles where rolname = '{service}')"
            role = f"create role {service} login password ''{self.postgres.password}''"
            self.postgres.execute(f"select '{role}' {exists} \\gexec")
            exists = f"where not exists (select from pg_database where datname = '{service}')"
            self.postgres.execute(f"select 'create database {service} owner {service}' {exists} \\gexec")
            self.postgres.execute(f"revoke all on database {service} from public")

    def _choose_ports(self, wishes: dict[str, int]) -> dict[str, int]:
        """A wish, else last time's, else a well-known one, else a free one; kept for the next time."""
        path = self.folder / "ports.json"
        last = json.loads(path.read_text()) if path.exists() else {}
        ports = {}
        for name, preferred in PREFERRED.items():
            port = wishes.get(name) or last.get(name) or preferred
            if not is_free(port):
                if name in wishes:
                    raise Failed(f"port {port}, asked for {name}, is in use")
                port = free_port()
            ports[name] = port
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(ports, indent=1))
        return ports


def token(folder: Path, issuer_url: str, client: str = "province") -> str:
    """A token of a demo client, signed with the key that the stack in `folder` keeps."""
    unit, scope = issuer.CLIENTS[client]
    key = issuer.load_key(folder / "issuer.pem")
    return issuer.mint(key, sub=client, unit=unit, scope=scope, issuer=issuer_url)


def answers(url: str) -> bool:
    """Whether a GET is answered with a 2xx within a second."""
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own http:// address
            return True
    except (OSError, urllib.error.HTTPError):
        return False
