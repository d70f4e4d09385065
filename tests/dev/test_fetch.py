"""Only recorded files are ever used."""

from pathlib import Path

import pytest

from deploy.dev import fetch

COORDINATE = "org.example:thing:1.0"


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What a download gives, by coordinate, in place of the Maven repository."""
    content: dict[str, bytes] = {}

    def download(coordinate: str, staging: Path) -> Path:
        path = staging / fetch.name(coordinate)
        path.write_bytes(content[coordinate])
        return path

    monkeypatch.setattr(fetch, "download", download)
    return content


def recorded(folder: Path, content: bytes) -> Path:
    """A lock file that records COORDINATE with the checksum of `content`."""
    (folder / "content").write_bytes(content)
    lock = folder / "lock.sha256"
    lock.write_text(f"{fetch.sha256(folder / 'content')}  {COORDINATE}\n")
    return lock


def test_other_content_is_refused_and_not_kept(tmp_path: Path, repository: dict[str, bytes]) -> None:
    """A fetched file with another checksum is named, with both checksums, and does not reach the cache."""
    repository[COORDINATE] = b"altered"
    with pytest.raises(fetch.Refused, match=r"org\.example:thing:1\.0: SHA-256 is \w{64}, recorded is \w{64}"):
        fetch.jars(recorded(tmp_path, b"true"), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_damaged_cache_is_mended(tmp_path: Path, repository: dict[str, bytes]) -> None:
    """A file that was damaged in the cache is fetched again, and a sound one is not."""
    lock, cache = recorded(tmp_path, b"true"), tmp_path / "cache"
    repository[COORDINATE] = b"true"
    [path] = fetch.jars(lock, cache)
    path.write_bytes(b"half")
    assert [path.read_bytes() for path in fetch.jars(lock, cache)] == [b"true"]
    repository.clear()
    assert fetch.jars(lock, cache) == [path]


def test_lock_names_one_kafka() -> None:
    """The committed lock holds the roots, each file once, each with a whole checksum."""
    lines = [line.split() for line in fetch.LOCK.read_text().splitlines()]
    coordinates = [coordinate for _, coordinate in lines]
    assert set(fetch.ROOTS) <= set(coordinates)
    assert len({fetch.name(coordinate) for coordinate in coordinates}) == len(coordinates)
    assert all(len(checksum) == 64 for checksum, _ in lines)
