"""The page with content in every panel."""

import re
from typing import Any

from support.browsing import Browsing

CUT = "ERR_INCOMPLETE_CHUNKED_ENCODING"


def fill_everything(visit: Browsing) -> None:
    """Start a stream in each panel, wait until each shows its end, and open what can be opened."""
    _start(visit)
    visit.panel("chat").shows(re.compile("."))
    _press(visit.panel("chat").find("[data-stop]"))
    visit.panel("chat").says(re.compile("^(Stopped|Done)"))
    for name in ("typing", "job", "download", "export", "upload"):
        visit.panel(name).says(re.compile("^Done"))
    visit.panel("unclosed").says(re.compile("^Cut"))
    visit.panel("unlabelled").says(re.compile("^Refused"))
    visit.panel("posting").says(re.compile("^Refused"))
    visit.panel("crowded").says("Done: all 8 are open.")
    visit.panel("notifications").find(".replayed").nth(2).wait_for()
    visit.panel("notifications").stop()  # no stream remains that has to be drawn
    assert "200 OK" in visit.panel("counter").raw()
    visit.page.locator("summary").evaluate_all("all => all.forEach((one) => one.click())")
    visit.expect_complaint("405 (Method Not Allowed)")
    visit.expect_complaint('that is not "text/event-stream"')
    visit.expect_complaint(CUT)


def _start(visit: Browsing) -> None:
    notifications, unclosed = visit.panel("notifications"), visit.panel("unclosed")
    notifications.start()
    notifications.says("Listening …")
    notifications.section.get_by_role("button", name="Cut, publish 3").click()
    visit.panel("counter").fill(count=20, interval=0.02)
    visit.panel("typing").fill(cps=500)
    visit.panel("job").fill(steps=5, interval=0.02)
    visit.panel("download").fill(rate=0)
    visit.panel("export").fill(rows=20_000)
    file = {"name": "a", "mimeType": "application/octet-stream", "buffer": b"a"}
    visit.panel("upload").find("[type=file]").set_input_files(file)
    for name in ("counter", "typing", "chat", "job", "download", "export", "upload"):
        _press(visit.panel(name).find("[type=submit]").first)
    for name in ("unlabelled", "posting"):
        _press(visit.panel(name).find("[type=submit]").first)
    _press(visit.panel("crowded").find("[value=shared]"))
    _press(unclosed.section.get_by_role("button", name="Fails"))


def _press(button: Any) -> None:
    """Press a button where it is: panels above grow, so a click at a point may miss it."""
    button.evaluate("button => button.click()")
