"""Apache Kafka's jars: exactly the files of `kafka.sha256`, from the Maven repository, each verified before it is used.

A line of `kafka.sha256` is `<sha256>  <group>:<artifact>:<version>`. `python -m deploy.dev.fetch --lock` resolves the
roots anew and rewrites it; nothing else resolves, so a machine never gets a file that was not reviewed.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LOCK = Path(__file__).with_name("kafka.sha256")
ROOTS = (
    "org.apache.kafka:kafka_2.13:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",
    "org.apache.logging.log4j:log4j-core:2.25.3",
)


class Refused(RuntimeError):
    """A file is not the one that was recorded."""


def cache() -> Path:
    """Where fetched files are kept between checkouts: `$XDG_CACHE_HOME/danvan` or `~/.cache/danvan`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "danvan"


def jars(lock: Path = LOCK, folder: Path | None = None, say: Callable[[str], None] = print) -> list[Path]:
    """Paths of all recorded jars, fetched where missing. Every file is verified at every call (43 MB: 40 ms).

    A damaged file in the cache is fetched again; a fetched file with another checksum is `Refused`.
    """
    folder = folder or cache() / "kafka"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {coordinate: checksum for checksum, coordinate in (line.split() for line in lock.read_text().splitlines())}
    paths = {coordinate: folder / name(coordinate) for coordinate in wanted}
    missing = [c for c, path in paths.items() if not path.exists() or sha256(path) != wanted[c]]
    if missing:
        say(f"fetching {len(missing)} of {len(wanted)} files of Apache Kafka into {folder}")
        with tempfile.TemporaryDirectory(dir=folder) as staging, ThreadPoolExecutor(8) as pool:
            for done, (coordinate, path) in enumerate(
                zip(missing, pool.map(lambda c: download(c, Path(staging)), missing), strict=True), 1
            ):
                verify(path, coordinate, wanted[coordinate])
                path.replace(paths[coordinate])
                if done % 10 == 0 or done == len(missing):
                    say(f"  {done}/{len(missing)}")
    return list(paths.values())


def name(coordinate: str) -> str:
    """File name of `group:artifact:version`."""
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, coordinate: str, checksum: str) -> None:
    """`Refused` unless the file has the recorded checksum."""
    if (got := sha256(path)) != checksum:
        raise Refused(f"{coordinate}: SHA-256 is {got}, recorded is {checksum}; the file was not used.")


def download(coordinate: str, staging: Path) -> Path:
    """Fetch one jar below `staging`."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - half a second that only a fetch should cost

    path = MavenContext(repo_cache=staging, timeout=60).create_dependency(coordinate).artifact.resolve()
    return Path(path)


def write_lock() -> None:
    """Resolve `ROOTS` with all they need at run time and record each file's checksum."""
    from jgo.maven import MavenContext  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as staging:
        context = MavenContext(repo_cache=Path(staging), timeout=60)
        roots, rest = context.resolver.resolve([context.create_dependency(f"{root}!") for root in ROOTS])
        lines = []
        for dependency in sorted([*roots, *rest], key=str):
            path = Path(dependency.artifact.resolve())
            coordinate = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
            if path.name != name(coordinate):
                raise Refused(f"{path.name} is not a plain jar")
            lines.append(f"{sha256(path)}  {coordinate}\n")
            (folder := cache() / "kafka").mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / path.name)
    LOCK.write_text("".join(lines))


if __name__ == "__main__":
    if sys.argv[1:] == ["--lock"]:
        write_lock()
    print(f"{len(jars())} files, all as recorded")
