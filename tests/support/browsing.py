"""A window with the page in it."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 10_000
"""Milliseconds until what should be on the page has to be there."""

_FILLED = """(section, values) => {
  for (const [name, value] of Object.entries(values)) {
    const control = section.querySelector(`[name=${name}]`);
    control.value = value;
    if (control.value !== value) throw new Error(`${name} cannot be ${value}`);
    control.dispatchEvent(new Event("input", { bubbles: true }));
    control.dispatchEvent(new Event("change", { bubbles: true }));
  }
}"""

_MATCHED = """(node, [text, pattern, flags, ms]) => new Promise((resolve) => {
  const wanted = pattern === null ? null : new RegExp(pattern, flags);
  const plain = () => node.textContent.replace(/\\s+/g, " ").trim();
  const check = () => (wanted ? wanted.test(node.textContent) : plain() === text) && resolve();
  const everything = { childList: true, characterData: true, subtree: true };
  new MutationObserver(check).observe(node, everything);
  setTimeout(resolve, ms);
  check();
})"""


@dataclass(slots=True)
class Browsing:
    """The page in a window, and what went wrong there by the browser's account."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def panel(self, name: str) -> "Panel":
        """One of the panels."""
        return Panel(self.page.locator(f"#{name}"))

    def expect_complaint(self, part: str) -> None:
        """The console may, and must, complain with these words."""
        self.expected.append(part)

    def allow_complaint(self, part: str) -> None:
        """The console may complain with these words."""
        self.allowed.append(part)

    def check(self) -> None:
        """AssertionError unless the console had just the complaints that were expected."""
        for part in self.expected:
            assert any(part in told for told in self.complaints), (part, self.complaints)
        parts = [*self.expected, *self.allowed]
        unexpected = [told for told in self.complaints if not any(part in told for part in parts)]
        assert not unexpected, unexpected


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of the page."""

    section: Any

    def fill(self, **values: object) -> None:
        """Put these values into the fields of those names, in one call of the page."""
        self.section.evaluate(_FILLED, {name: str(value) for name, value in values.items()})

    def find(self, selector: str) -> Any:
        """What a selector finds in it."""
        return self.section.locator(selector)

    def start(self) -> None:
        """Press its main button."""
        self.find("[type=submit]").first.click()

    def stop(self) -> None:
        """Press the other one."""
        self.find("[data-stop]").click()

    def says(self, text: str | re.Pattern[str]) -> None:
        """Wait until its status is this text, or has this pattern in it."""
        wait_for_text(self.find(".status"), text)

    def shows(self, text: str | re.Pattern[str]) -> None:
        """Wait until its output is this text, or has this pattern in it."""
        wait_for_text(self.find("[data-output]"), text)

    def raw(self) -> str:
        """Ask for the raw bytes; what is told of them."""
        self.find(".rawview button").first.click()
        self.find(".raw p").first.wait_for()
        return str(self.find(".raw").inner_text())


def wait_for_text(element: Any, text: str | re.Pattern[str]) -> None:
    """Wait until the text of an element is this one, or has this pattern in it.

    Playwright's own assertion looks again after 100, 250, 500 and 1000 ms. Here the page itself
    reports each change, so the test continues at once.
    """
    from playwright.sync_api import expect

    if isinstance(text, str):
        wanted = [" ".join(text.split()), None, ""]
    else:
        wanted = [None, text.pattern, "s" if text.flags & re.DOTALL else ""]
    element.evaluate(_MATCHED, [*wanted, PATIENCE])
    expect(element).to_have_text(text, timeout=100)


@contextlib.contextmanager
def profile(browser: Any, **options: Any) -> Iterator[Any]:
    """A profile of the browser, with a cache of its own, while inside."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    context = browser.new_context(reduced_motion="reduce", **options)
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@contextlib.contextmanager
def visiting(context: Any, url: str) -> Iterator[Browsing]:
    """A new window that shows the page while inside; afterwards its console is checked."""
    window = context.new_page()
    try:
        with showing(window, url) as browsing:
            yield browsing
    finally:
        window.close()


@contextlib.contextmanager
def showing(window: Any, url: str) -> Iterator[Browsing]:
    """The page in a window that exists, loaded anew; afterwards its console is checked and all
    that a test leaves in the window is removed: routes, storage, streams, console listeners."""
    browsing = Browsing(window)

    def on_console(message: Any) -> None:
        if message.type in ("error", "warning"):
            browsing.complaints.append(f"{message.type}: {message.text}")

    def on_error(error: Any) -> None:
        browsing.complaints.append(f"thrown: {error}")

    listeners = {"console": on_console, "pageerror": on_error}
    for event, listener in listeners.items():
        window.on(event, listener)
    window.bring_to_front()  # Chromium draws a tab in the background once a second only
    try:
        window.goto(url)
        yield browsing
    finally:
        for event, listener in listeners.items():
            window.remove_listener(event, listener)
        window.evaluate("sessionStorage.clear()")
        window.unroute_all()
        window.goto("about:blank")
    browsing.check()
