"""The lock is the one the inputs ask for, and a check says so without a network."""

import shutil
from pathlib import Path

import pytest

from deploy.dev import lock


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of inputs and lock."""
    for name in (*lock.INPUTS, lock.RUNTIME, lock.ALL):
        shutil.copy(lock.ROOT / name, tmp_path)
    return tmp_path


def test_committed_lock_is_right(root: Path) -> None:
    """Both files were compiled from these inputs, pin with hashes, agree, and hold no address."""
    assert lock.problems(root) == []
    runtime, everything = (lock.pins((root / name).read_text()) for name in (lock.RUNTIME, lock.ALL))
    assert {"fastapi", "asyncpg", "kafka-python"} <= {name.split("==")[0] for name in runtime}
    assert len(everything) > len(runtime) > 20


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("requirements.in", "fastapi\n", "fastapi<1\n", "was not compiled from these inputs"),
        ("requirements.txt", "fastapi==", "fastapi==0.", "differs between the two files"),
        ("requirements.txt", "--hash=sha256:", "--hash=sha256:0", "differs between the two files"),
        ("requirements-dev.txt", "pytest==", "pytest @ https://x/", "records an address"),
        ("requirements-dev.txt", "# inputs", "extra==1\n# inputs", "a pin without a hash"),
    ],
)
def test_damage_is_seen(root: Path, name: str, old: str, new: str, complaint: str) -> None:
    """A changed input, a moved pin, another hash, an address, a pin without a hash: each is told."""
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new, 1))
    assert any(complaint in problem for problem in lock.problems(root))


def test_comments_do_not_count(root: Path) -> None:
    """Rewording a comment needs no new lock."""
    path = root / "requirements.in"
    path.write_text(path.read_text() + "\n# a remark\n")
    assert lock.problems(root) == []
