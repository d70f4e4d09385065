"""The stack's commands, run as a person runs them, over a copy of the tree whose services are stand-ins.

The services themselves run under the same supervisor in tests/flow.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.dev import supervisor
from deploy.dev.postgres import BINARIES
from deploy.dev.process import Failed, free_port
from deploy.dev.supervisor import ROOT, SERVICES

STAND_IN = """
import http.server, json, os, sys, threading

job = sys.argv[1]
print(json.dumps({"job": job, "database": os.environ["DANVAN_DATABASE_URL"]}), flush=True)
if job == "migrate":
    sys.exit(os.path.exists("broken"))

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

def serve(variable):
    http.server.HTTPServer(("127.0.0.1", int(os.environ[variable])), Handler).serve_forever()

threading.Thread(target=serve, args=["DANVAN_PORT"]).start()
serve("DANVAN_OPS_PORT")
"""

DEMO = """
def load(addresses, token):
    print("loaded", sorted(addresses), token.count("."))

def report(addresses, token):
    print("golden figures")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A checkout with our deploy/ and stand-in services; stopped afterwards."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "deploy", root / "deploy", ignore=shutil.ignore_patterns("__pycache__", "demo.py"))
    (root / "deploy" / "dev" / "demo.py").write_text(DEMO)
    for service in SERVICES:
        (root / "services" / service).mkdir(parents=True)
        (root / "services" / service / "main.py").write_text(STAND_IN)
    yield root
    stack(root, "down")


def stack(root: Path, *arguments: str, entered: str = "") -> subprocess.CompletedProcess[str]:
    """Run one command of the stack in a checkout, with `entered` as its input."""
    command = [sys.executable, "-m", "deploy.dev.stack", *arguments]
    return subprocess.run(command, cwd=root, input=entered, capture_output=True, text=True, check=False, timeout=100)


def running(root: Path) -> dict[str, Any]:
    """What the running stack says about itself."""
    return dict(json.loads((root / ".dev" / "stack.json").read_text()))


def test_up_status_psql_down_and_again(checkout: Path) -> None:
    """Up in the background, every process ready, own database per service, down; the second time ports and key stay."""
    wishes = [
        f"--port={name}={free_port()}" for name in supervisor.PREFERRED
    ]  # another checkout may use the usual ones
    up = stack(checkout, "up", *wishes)
    assert up.returncode == 0, up.stdout + up.stderr
    assert "token=" in up.stdout
    first = running(checkout)
    status = stack(checkout, "status").stdout.splitlines()
    assert len(status) == len(first["pids"]) == 11
    assert all(" ready " in line for line in status)
    owner = "select 'owned by ' || datdba::regrole from pg_database where datname = current_database()"
    assert "owned by loans" in stack(checkout, "psql", "loans", entered=owner).stdout
    log = (checkout / ".dev" / "logs" / "loans-relay.log").read_text().splitlines()
    assert json.loads(log[0])["database"].startswith("postgresql://loans@127.0.0.1:")

    again = stack(checkout, "up")
    assert (again.returncode, "already runs" in again.stderr) == (1, True)
    assert "make down" in stack(checkout, "clean").stderr
    key = (checkout / ".dev" / "issuer.pem").read_bytes()

    assert stack(checkout, "down").returncode == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in first["pids"].values())
    began = time.monotonic()
    assert stack(checkout, "up").returncode == 0
    assert time.monotonic() - began < 15
    assert running(checkout)["ports"] == first["ports"]
    assert (checkout / ".dev" / "issuer.pem").read_bytes() == key


def test_demo_loads_once_and_a_dead_process_is_told(checkout: Path) -> None:
    """Demo loads, reports and runs on; a killed process is named with its log; SIGTERM ends everything cleanly."""
    command = [sys.executable, "-m", "deploy.dev.stack", "demo"]
    output = checkout / "output"
    with output.open("wb") as file:
        demo = subprocess.Popen(command, cwd=checkout, stdout=file, stderr=file)
    try:
        wait_for(output, "ready; Ctrl-C")
        assert "loaded ['issuer', 'loans', 'members', 'reporting'] 2\ngolden figures" in output.read_text()
        with urllib.request.urlopen(running(checkout)["addresses"]["reporting"]) as answer:
            assert answer.status == 200
        os.kill(running(checkout)["pids"]["members-relay"], signal.SIGKILL)
        wait_for(output, "members-relay has ended")
        wait_for(output, '| {"job": "relay"')
        second = stack(checkout, "demo").stdout
        assert "loaded" not in second
        assert "golden figures" in second
    finally:
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 0, output.read_text()
    assert output.read_text().endswith("stopped\n")
    assert "nothing runs here" in stack(checkout, "status").stderr
    stack(checkout, "clean")
    assert not (checkout / ".dev").exists()


def test_failed_migration_stops_the_start(checkout: Path) -> None:
    """The first start that cannot migrate says whose migration, shows its log, and leaves nothing running."""
    (checkout / "broken").touch()
    up = stack(checkout, "up")
    assert up.returncode == 1
    assert "migration ended with code 1" in up.stdout
    assert '| {"job": "migrate"' in up.stdout
    assert "nothing runs here" in stack(checkout, "status").stderr


def test_processes_by_name(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any process can be killed, started again, doubled, drained; no service can enter another's database."""
    monkeypatch.setattr(supervisor, "ROOT", checkout)
    running = supervisor.Stack(checkout / "data", settings={"LOG_LEVEL": "DEBUG"}, durable=False)
    try:
        running.start()
        assert running.ended() == []
        running.kill("members-relay")
        assert running.ended() == ["members-relay"]
        assert not running.ready("members-relay")
        running.run("members-relay")
        running.run("members-api-2")
        assert running.addresses["members-2"] != running.addresses["members"]
        running.terminate("members-api-2")
        assert running.ended() == ["members-api-2"]
        with pytest.raises(Failed, match="members-relay already runs"):
            running.run("members-relay")
        assert running.environment("loans", 1, 2)["DANVAN_LOG_LEVEL"] == "DEBUG"
        assert enter(running, "loans", "loans") == "in"
        assert "permission denied for database" in enter(running, "members", "loans")
        running.kafka.kill()
        assert "kafka" in running.ended()
    finally:
        running.stop()
    assert {"postgres", "kafka", "issuer", "loans-api"} <= set(running.ended())


def enter(running: supervisor.Stack, user: str, database: str) -> str:
    """`in`, or why a service's role may not enter a database."""
    command = [
        str(BINARIES / "psql"),
        "-X",
        "-q",
        "-A",
        "-t",
        "-d",
        running.postgres.url(database, user),
        "-c",
        "select 'in'",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip()


def wait_for(output: Path, text: str) -> None:
    """Until the text is in the file; fails after 60 s."""
    until = time.monotonic() + 60
    while text not in output.read_text():
        assert time.monotonic() < until, output.read_text()
        time.sleep(0.05)
