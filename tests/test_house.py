"""The rules of the house, as failing tests: who may import whom, where SQL lives, how long a file may be."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi.dependencies.models import Dependant

from services.chassis.settings import documented

ROOT = Path(__file__).parents[1]
TOP = {"services", "deploy", "contracts", "tests", ".ci"}
SERVICES = {"members", "loans", "campaigns", "reporting"}
DOORS = {"api", "projector", "follower", "importer", "main"}
LONGEST = 330
ALLOWED = {
    "main": {
        *("fastapi", "own", "services.chassis.app", "services.chassis.feed", "services.chassis.relay"),
        *("services.chassis.delivery", "services.chassis.vault", "services.chassis.webhooks"),
        *("services.chassis.parked", "contracts"),
    },
    "api": {"fastapi", "pydantic", "services.chassis", "contracts", "own"},
    "projector": {"services.chassis.consumer", "services.chassis.settings", "contracts", "own"},
    "follower": {"services.chassis.consumer", "services.chassis.settings", "contracts", "own"},
    "importer": {
        *("own", "services.chassis.jobs", "services.chassis.sheets", "services.chassis.worker"),
        "services.chassis.settings",
    },
    "schemas": {"pydantic", "pydantic_core", "services.chassis.errors", "contracts", "own"},
    "commands": {
        *("pydantic", "pydantic_core", "contracts", "own", "services.chassis.db", "services.chassis.errors"),
        *("services.chassis.idempotency", "services.chassis.journal", "services.chassis.clock"),
        *("services.chassis.paging", "services.chassis.entities", "services.chassis.reach", "services.chassis.vault"),
        "services.chassis.sheets",
    },
    "queries": {
        *("pydantic", "contracts", "own", "services.chassis.db", "services.chassis.errors", "services.chassis.paging"),
        *("services.chassis.clock", "services.chassis.reach", "services.chassis.vault"),
    },
}
"""What a module may import besides the standard library; `own` is its own service."""


class Import(NamedTuple):
    """One import: the file it stands in and the module imported."""

    path: Path
    module: str


def tracked() -> list[Path]:
    """Files of the project, as git knows them or would."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).exists()]


def sources(*folders: str) -> list[Path]:
    """Python files below these folders of the root."""
    return [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def imports(path: Path) -> Iterator[Import]:
    """Every import of a file, each name of a `from` import on its own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(path, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (Import(path, f"{node.module}.{alias.name}") for alias in node.names)


def is_standard(module: str) -> bool:
    """Whether a module is of the standard library."""
    return module.split(".", maxsplit=1)[0] in sys.stdlib_module_names


def within(module: str, allowed: str) -> bool:
    """Whether `module` is `allowed` or lies below it."""
    return module == allowed or module.startswith(f"{allowed}.")


def test_top_level_is_fixed() -> None:
    """No folder beside those of the plan."""
    assert {path.relative_to(ROOT).parts[0] for path in tracked() if len(path.relative_to(ROOT).parts) > 1} <= TOP


def test_contracts_import_only_pydantic() -> None:
    """What services promise depends on no service, and on nothing that runs one."""
    wrong = [
        found
        for path in sources("contracts")
        for found in imports(path)
        if not is_standard(found.module)
        and not any(within(found.module, root) for root in ("pydantic", "pydantic_core", "contracts"))
    ]
    assert not wrong


def test_chassis_knows_no_service() -> None:
    """The chassis imports third parties and contracts, never a service."""
    wrong = [
        found
        for path in sources("services")
        if path.relative_to(ROOT).parts[1] == "chassis"
        for found in imports(path)
        if found.module.split(".")[:1] == ["services"] and found.module.split(".")[1] in SERVICES
    ]
    assert not wrong


def test_no_service_imports_another() -> None:
    """An image holds one service; it does not even contain another."""
    wrong = []
    for path in sources("services"):
        own = path.relative_to(ROOT).parts[1]
        if own not in SERVICES:
            continue
        wrong += [
            found
            for found in imports(path)
            if found.module.startswith("services.") and found.module.split(".")[1] not in {own, "chassis"}
        ]
    assert not wrong


@pytest.mark.parametrize("room", ALLOWED)
def test_rooms_import_what_they_may(room: str) -> None:
    """Doors, commands, queries and schemas import what the table says, in every service."""
    wrong = []
    for path in sources("services"):
        service = path.relative_to(ROOT).parts[1]
        if path.stem != room or service not in SERVICES:
            continue
        allowed = ALLOWED[room] - {"own"} | {f"services.{service}"}
        wrong += [
            found
            for found in imports(path)
            if not is_standard(found.module) and not any(within(found.module, each) for each in allowed)
        ]
    assert not wrong


@pytest.mark.parametrize(
    ("module", "homes"),
    [
        ("kafka", {"kafka", "relay", "consumer"}),
        ("alembic", {"migrate"}),
        ("sqlalchemy", {"migrate"}),
        ("asyncpg", {"db"}),
        ("uvicorn", {"app", "ops"}),
    ],
)
def test_a_library_is_known_in_one_place(module: str, homes: set[str]) -> None:
    """Each engine's client is imported by the chassis modules that are about it, and nowhere else in services."""
    users = {
        found.path.relative_to(ROOT)
        for path in sources("services")
        for found in imports(path)
        if within(found.module, module)
    }
    assert users
    assert {(path.parts[1], path.stem) for path in users} <= {("chassis", home) for home in homes}


def test_fastapi_is_known_at_doors_only() -> None:
    """Rules do not know that HTTP exists."""
    users = {
        path.stem
        for path in sources("services")
        if path.relative_to(ROOT).parts[1] in SERVICES
        and any(within(found.module, "fastapi") for found in imports(path))
    }
    assert users <= DOORS | {"listener"}


def test_the_environment_is_read_in_settings_only() -> None:
    """`os.environ` appears in services/chassis/settings.py and nowhere else in services."""
    users = {
        path.name
        for path in sources("services")
        if re.search(r"\benviron\b|\bgetenv\b", path.read_text(encoding="utf-8"))
    }
    assert users == {"settings.py"}


def test_transactions_are_opened_by_the_chassis_only() -> None:
    """No service begins, commits or rolls back."""
    wrong = [
        path
        for path in sources("services")
        if path.relative_to(ROOT).parts[1] in SERVICES
        and re.search(r"\.transaction\(|\b(begin|commit|rollback)\b\s*;", path.read_text(encoding="utf-8"))
    ]
    assert not wrong


def test_doors_hold_no_sql() -> None:
    """An api.py only says which function answers."""
    wrong = [
        path
        for path in sources("services")
        if path.stem == "api" and re.search(r"\.(fetch|fetchrow|fetchval|execute)\(", path.read_text(encoding="utf-8"))
    ]
    assert not wrong


def called(dependant: Dependant) -> Iterator[object]:
    """What FastAPI calls for a request: a door and all it depends on."""
    yield dependant.call
    for each in dependant.dependencies:
        yield from called(each)


@pytest.mark.parametrize("service", ["members", "loans", "reporting"])
def test_no_request_leaves_the_event_loop(service: str) -> None:
    """Doors and dependencies are async: FastAPI sends any other through a thread, which a request pays for."""
    routes = [route for router in import_module(f"services.{service}.main").SERVICE.routers for route in router.routes]
    calls = {call for route in routes for call in called(route.dependant) if call is not None}
    assert len(calls) > len(routes)
    assert [c for c in calls if not (inspect.iscoroutinefunction(c) or inspect.isasyncgenfunction(c))] == []


def test_no_file_is_two_things() -> None:
    """A Python or TypeScript file that is long is two."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix in {".py", ".ts"} and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert not long


def test_every_module_and_public_function_says_what_it_is() -> None:
    """Docstrings on modules, public functions and classes of contracts and services."""
    silent = []
    for path in sources("contracts", "services"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.stem != "__init__" and not ast.get_docstring(tree):
            silent.append(str(path.relative_to(ROOT)))
        silent += [
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and node in tree.body
            and not ast.get_docstring(node)
        ]
    assert not silent


def test_every_test_says_what_it_shows() -> None:
    """A sentence on every test, and something it asserts."""
    silent = []
    for path in sources("tests"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
                continue
            body = ast.unparse(node)
            if not ast.get_docstring(node) or not re.search(
                r"\bassert\b|\braises\(|\bproblem\(|\brefused\(|\bexpect\(|\.wait_for\w*\(", body
            ):
                silent.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert not silent


def test_the_readme_documents_every_setting() -> None:
    """Each DANVAN_… variable stands in the chassis' README, with its meaning."""
    text = (ROOT / "services" / "chassis" / "README.md").read_text(encoding="utf-8")
    missing = [entry.variable for entry in documented() if f"`{entry.variable}`" not in text or not entry.description]
    assert not missing


def test_nothing_names_a_registry_or_a_machine() -> None:
    """No host of a package registry, no path of a machine."""
    pattern = re.compile("|".join([r"pyp" + "i.org", "pythonhoste" + "d", r"registr" + r"y\.npm", "mave" + r"n\.org"]))
    wrong = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix not in {".png", ".svg", ".jar"}
        and pattern.search(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert not wrong
