"""The development stack for a person: `python -m deploy.dev.stack demo|up|down|status|logs|psql|clean`.

All data lies in `.dev/` of the checkout. One stack at a time: a lock file that the kernel frees when its owner ends.
"""

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from deploy.dev import webpage
from deploy.dev.demo import load as load_province
from deploy.dev.demo import report
from deploy.dev.postgres import Postgres
from deploy.dev.process import Failed, spawn, tail
from deploy.dev.supervisor import ROOT, SERVICES, Stack, answers
from deploy.dev.supervisor import token as token_of

FOLDER = ROOT / ".dev"
LOCK, STATE, LOADED, LOG = FOLDER / "lock", FOLDER / "stack.json", FOLDER / "loaded", FOLDER / "stack.log"
BEGAN = time.monotonic()


class Stopped(Exception):
    """Ctrl-C or SIGTERM."""


def say(text: str) -> None:
    """One line of progress with the seconds since we began."""
    print(f"[{time.monotonic() - BEGAN:5.1f} s] {text}", flush=True)


@contextmanager
def ours() -> Iterator[None]:
    """Hold the lock of the folder. `Failed` if another stack does."""
    FOLDER.mkdir(exist_ok=True)
    with LOCK.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed("a stack already runs here; see `make status`, or stop it with `make down`") from None
        file.truncate(0)
        print(os.getpid(), file=file, flush=True)
        yield


def running() -> bool:
    """Whether some process holds the lock."""
    if not LOCK.exists():
        return False
    with LOCK.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


class Running(BaseModel):
    """What a stack that is ready wrote about itself, by process name where it is a table."""

    addresses: dict[str, str]
    ops: dict[str, str]
    pids: dict[str, int]
    ports: dict[str, int]


def state() -> Running:
    """The stack that runs here. `Failed` when none is ready."""
    if not running() or not STATE.exists():
        raise Failed("nothing runs here: `make up` or `make demo`")
    return Running.model_validate_json(STATE.read_text())


def serve(ports: dict[str, int], then: Callable[[Stack], None]) -> None:
    """Start everything, do `then`, watch until Ctrl-C or SIGTERM, stop everything."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped

    with ours():
        STATE.unlink(missing_ok=True)
        stack = Stack(FOLDER, ports=ports, say=say)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        try:
            webpage.build(say)
            stack.start()
            write_state(stack)
            then(stack)
            watch(stack)
        except Stopped:
            say("stopping")
        finally:
            stack.stop()
            STATE.unlink(missing_ok=True)
            say("stopped")


def write_state(stack: Stack) -> None:
    """Let the other commands find the stack; all at once or not at all."""
    pids = {name: child.pid for name, child in {**stack.processes, **stack.engines()}.items()}
    now = Running(addresses=stack.addresses, ops=stack.ops, pids=pids, ports=stack.ports)
    fresh = STATE.with_suffix(".new")
    fresh.write_text(now.model_dump_json(indent=1))
    fresh.rename(STATE)


def watch(stack: Stack) -> None:
    """Tell of every process that ends; nothing is restarted behind anybody's back."""
    told: set[str] = set()
    while True:
        for name in set(stack.ended()) - told:
            told.add(name)
            say(f"{name} has ended; the rest runs on. `make down` and `make up` start all again.")
            print(tail(stack.log_of(name)), flush=True)
        time.sleep(0.5)


def show(addresses: dict[str, str], token: str) -> None:
    """Where to look and what to try."""
    page = addresses["reporting"]
    print(
        f"""
Dashboard   {page}/#/22?from=2025-01-01&to=2025-12-31&token={token}
Members     {addresses["members"]}/v1/openapi.json
Loans       {addresses["loans"]}/v1/openapi.json
Reporting   {page}/v1/openapi.json
Token       {token}
Try         curl -H "Authorization: Bearer $TOKEN" {page}/v1/dashboards/22
New token   curl -d 'grant_type=client_credentials&client_id=province&client_secret=demo' {addresses["issuer"]}/token
""",
        flush=True,
    )


def load(addresses: dict[str, str], token: str) -> None:
    """Demo data through the public API, once; then the golden figures as reporting answers them."""
    if not LOADED.exists():
        say("loading the demo province through the public API")
        load_province(addresses, token)
        LOADED.touch()
    report(addresses, token)


def demo(ports: dict[str, int]) -> None:
    """Everything in the foreground, with data, until Ctrl-C; against a stack that runs already, only the data."""
    if running():
        addresses = state().addresses
        token = token_of(FOLDER, addresses["issuer"])
        load(addresses, token)
        show(addresses, token)
        return

    def then(stack: Stack) -> None:
        load(stack.addresses, stack.token())
        show(stack.addresses, stack.token())
        say("ready; Ctrl-C stops everything and keeps the data")

    serve(ports, then)


def up(ports: dict[str, int]) -> None:
    """Everything in the background; returns when it is ready."""
    if running():
        raise Failed("a stack already runs here; see `make status`")
    FOLDER.mkdir(exist_ok=True)
    STATE.unlink(missing_ok=True)
    LOG.write_text("")
    wishes = [part for name, port in ports.items() for part in ("--port", f"{name}={port}")]
    process = spawn([sys.executable, "-m", "deploy.dev.stack", "run", *wishes], log=LOG, cwd=ROOT, death=None)
    with LOG.open() as progress:
        while not STATE.exists():
            time.sleep(0.1)
            ended = process.poll() is not None
            print(progress.read(), end="", flush=True)
            if ended:
                raise Failed("the stack did not start")
    addresses = state().addresses
    show(addresses, token_of(FOLDER, addresses["issuer"]))


def down() -> None:
    """Stop the stack that runs here, wherever it was started."""
    if not running():
        say("nothing runs here")
        return
    os.kill(int(LOCK.read_text()), signal.SIGTERM)
    while running():
        time.sleep(0.1)
    say("stopped, data kept")


def status() -> None:
    """One line per process."""
    now = state()
    for name, pid in sorted(now.pids.items()):
        ready = name not in now.ops or answers(f"{now.ops[name]}/readyz")
        verdict = ("ready" if ready else "not ready") if Path(f"/proc/{pid}").exists() else "ended"
        where = now.addresses.get(name.removesuffix("-api")) or now.ops.get(name) or f"127.0.0.1:{now.ports[name]}"
        print(f"{name:20} {verdict:10} {where:28} {pid}")


def logs() -> None:
    """Follow every log."""
    files = [*FOLDER.glob("logs/*.log"), FOLDER / "postgres/postgres.log", FOLDER / "kafka/kafka.log", LOG]
    subprocess.run(["tail", "-n", "20", "-F", *(path for path in files if path.exists())], check=False)


def psql(database: str) -> None:
    """An SQL shell as the superuser."""
    postgres = Postgres(FOLDER / "postgres", state().ports["postgres"])
    command = postgres.psql(database)
    os.execve(command[0], command, postgres.client_environment())  # noqa: S606 - no shell is the point


def clean() -> None:
    """Remove all data, logs and keys."""
    if running():
        raise Failed("a stack runs here: `make down` first")
    shutil.rmtree(FOLDER, ignore_errors=True)
    say(f"{FOLDER.name}/ is gone")


def wish(text: str) -> tuple[str, int]:
    """`name=number` of `--port`."""
    name, _, number = text.partition("=")
    return name, int(number)


def main(arguments: list[str]) -> int:
    """Exit code: 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m deploy.dev.stack", description=__doc__)
    parser.add_argument("command", choices=["demo", "up", "run", "down", "status", "logs", "psql", "clean"])
    parser.add_argument("database", nargs="?", default="members", choices=[*SERVICES, "postgres"], help="for psql")
    parser.add_argument(
        "--port", type=wish, action="append", default=[], metavar="NAME=NUMBER", help="e.g. reporting=8080"
    )
    given = parser.parse_args(arguments)
    ports = dict(given.port)
    commands: dict[str, Callable[[], None]] = {
        "demo": lambda: demo(ports), "up": lambda: up(ports), "run": lambda: serve(ports, lambda _: say("ready")),
        "down": down, "status": status, "logs": logs, "psql": lambda: psql(given.database), "clean": clean,
    }  # fmt: skip
    try:
        commands[given.command]()
    except (Failed, OSError, RuntimeError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
