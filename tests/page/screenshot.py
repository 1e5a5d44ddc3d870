"""The picture of the page in the README.

    PYTHONPATH=tests python -m page.screenshot

makes ``screenshot.png`` beside this file, of a server that it starts.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from support.browsing import Browsing, profile, visiting
from support.peers import program
from support.process import start_server

PICTURE = Path(__file__).with_suffix(".png")
SIZE = {"width": 1280, "height": 1330}


def fill(visit: Browsing) -> None:
    """Something to see: a counter that has counted, and its wire."""
    counter = visit.panel("counter")
    counter.fill(interval=0.2)
    counter.start()
    counter.says(re.compile("^Done"))
    expect(counter.find(".legend")).to_have_text(re.compile("end"))


def main() -> None:
    """Take it."""
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as driver:
        server = start_server(Path(directory))
        browser: Any = driver.chromium.launch(executable_path=program("chromium"))
        try:
            with profile(browser, viewport=SIZE) as window, visiting(window, server.url) as visit:
                fill(visit)
                visit.page.screenshot(path=PICTURE)
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
