"""One lock for the whole project: compile it, or check without a network that it is the one the inputs ask for.

`requirements-dev.in` includes `requirements.in`, so there is one resolution. It is written twice: whole to
`requirements-dev.txt`, and only what the services need to `requirements.txt` (for the images). Both carry the SHA-256
of the inputs they were compiled from.
"""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INPUTS = ("requirements.in", "requirements-dev.in")
RUNTIME, ALL = "requirements.txt", "requirements-dev.txt"
MARK = "# inputs sha256 "


def digest(root: Path) -> str:
    """SHA-256 of both inputs; comments and blank lines do not count."""
    lines = [line.split("#")[0].strip() for name in INPUTS for line in (root / name).read_text("utf-8").splitlines()]
    return hashlib.sha256("\n".join(line for line in lines if line).encode()).hexdigest()


def pins(text: str) -> dict[str, str]:
    """Requirement line → its hashes, for each block of a compiled file."""
    blocks = re.findall(r"^([a-z0-9].*?) \\\n((?:    --hash=.*\n)+)", text, re.MULTILINE)
    return {name: hashes.replace("\\", "") for name, hashes in blocks}


def compile_lock(root: Path, *options: str) -> None:
    """Compile both files with uv; pins that still fit are kept unless `--upgrade` is among the options."""
    base = ["uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-emit-index-url", "--universal"]
    base += ["--python-version", "3.11", "--custom-compile-command", "make lock"]
    subprocess.run([*base, *options, "requirements-dev.in", "-o", ALL], cwd=root, check=True)
    (root / RUNTIME).unlink(missing_ok=True)  # its pins come from the constraint alone
    subprocess.run([*base, "-c", ALL, "--no-annotate", "requirements.in", "-o", RUNTIME], cwd=root, check=True)
    for name in (RUNTIME, ALL):
        path = root / name
        path.write_text(f"{MARK}{digest(root)}\n{path.read_text('utf-8')}", "utf-8")


def problems(root: Path) -> list[str]:
    """What is wrong with the lock, one sentence each; empty when it is right."""
    found = []
    texts = {name: (root / name).read_text("utf-8") for name in (RUNTIME, ALL)}
    for name, text in texts.items():
        if not text.startswith(f"{MARK}{digest(root)}\n"):
            found.append(f"{name} was not compiled from these inputs: run `make lock`.")
        if "://" in text:
            found.append(f"{name} records an address.")
        if not pins(text) or "==" in re.sub(r"^[a-z0-9].* \\\n(?:    --hash=.*\n)+", "", text, flags=re.MULTILINE):
            found.append(f"{name} has a pin without a hash.")
    whole = pins(texts[ALL])
    found += [f"{name} differs between the two files: run `make lock`." for name, hashes in pins(texts[RUNTIME]).items()
              if whole.get(name) != hashes]  # fmt: skip
    return found


if __name__ == "__main__":
    if sys.argv[1:] != ["--check"]:
        compile_lock(ROOT, *sys.argv[1:])
    complaints = problems(ROOT)
    for complaint in complaints:
        print(f"lock: {complaint}", file=sys.stderr)
    sys.exit(1 if complaints else 0)
