"""Child processes and ports: what both engines and the stack need."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")
_given: set[int] = set()  # ports this process has promised to something that may not listen yet


class Failed(RuntimeError):
    """A process did not start, or died; the message ends with the tail of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, below the range from which the kernel gives out client ports."""
    for _ in range(200):
        port = random.randint(15000, 31999)  # noqa: S311 - nobody guards a port number
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise Failed("no free TCP port between 15000 and 31999")


def is_free(port: int) -> bool:
    """Whether nothing listens on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    uid: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    death: signal.Signals | None = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a program in its own session, output appended to `log`, under `uid` if given, with `death` when we die.

    `death=None` lets it live on without us.
    """
    line = [str(part) for part in command]
    if death is not None or uid is not None:
        who = "-" if uid is None else str(uid)
        line = [sys.executable, "-I", str(LAUNCH), str(os.getpid()), str(int(death or 0)), who, *line]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd, start_new_session=True
        )


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str, log: Path, seconds: float
) -> None:
    """Poll `ready` every 20 ms. `Failed` if the process ends first or the time is over."""
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise Failed(f"{name} ended with code {process.returncode}\n{tail(log)}")
        if time.monotonic() > end:
            raise Failed(f"{name} is not ready after {seconds:.0f} s\n{tail(log)}")
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes], how: signal.Signals, seconds: float) -> None:
    """Send a signal and wait; SIGKILL when the time is over."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def environment() -> dict[str, str]:
    """What an engine sees of ours: a path, UTC and no language."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TZ": "UTC", "LC_ALL": "C"}


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, indented; for messages to a person."""
    text = log.read_text("utf-8", "replace").splitlines()[-lines:] if log.exists() else []
    return "\n".join(f"  | {line}" for line in text)
