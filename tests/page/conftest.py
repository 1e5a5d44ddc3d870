"""The page in headless Chromium: one browser and one server for all tests here.

Playwright's synchronous side keeps an event loop running in this thread for as long as the
browser is open. So the browser goes when these tests are done, and none of them is asynchronous.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from page.filling import fill_everything
from support import peers
from support.browsing import Browsing, profile, showing, visiting
from support.demo import CONTENT, Demo
from support.process import start_server

# Timers and painting go on in windows that nobody sees. The host "a" is no secure context.
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ARGS += ["--host-resolver-rules=MAP a 127.0.0.1"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium."""
    playwright = peers.module("playwright.sync_api")
    path = peers.program("chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The model that the chat asks: a server of its own, whose log tells how its answers ended."""
    server = start_server(tmp_path_factory.mktemp("model"), "--log-format", "json")
    yield Demo(server, server.url)
    assert server.stop() == 0, server.output()


@pytest.fixture(scope="package")
def demo(model: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, with a file to download; it must stop without complaint."""
    files = tmp_path_factory.mktemp("files")
    (files / "sample.bin").write_bytes(CONTENT)
    args = ["--files", str(files), "--log-format", "json", "--upstream", f"{model.url}/v1"]
    args += ["--chat-model", "streamserver-demo"]
    server = start_server(tmp_path_factory.mktemp("server"), *args)
    yield Demo(server, server.url)
    assert server.stop() == 0, server.output()
    assert "Traceback" not in server.output()


@pytest.fixture(scope="package")
def context(browser: Any) -> Iterator[Any]:
    """One profile for all, so that the page's parts need not be fetched anew for each test."""
    with profile(browser) as context:
        yield context


@pytest.fixture(scope="package")
def window(context: Any) -> Any:
    """One window for all: to load the page in it again is faster than to open another."""
    return context.new_page()


@pytest.fixture
def visit(window: Any, demo: Demo) -> Iterator[Browsing]:
    """The demo's page, newly loaded; an unexpected message on its console is a failure."""
    with showing(window, demo.url) as browsing:
        yield browsing


@pytest.fixture(scope="package")
def filled(context: Any, demo: Demo) -> Iterator[Browsing]:
    """The page with content in every panel, for tests of its appearance: these may change the
    size of the window and the colour scheme, and nothing else."""
    with visiting(context, demo.url) as browsing:
        fill_everything(browsing)
        yield browsing
