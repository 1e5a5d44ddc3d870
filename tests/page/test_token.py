"""The page of a server that requires a token for requests that write."""

from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from support.browsing import visiting
from support.process import start_server


def test_an_action_is_refused_until_the_token_is_entered(context: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old\nnew-token\n")
    server = start_server(tmp_path, "--publish-token-file", str(tmp_path / "token"))
    entered = iter(["", "wrong", "new-token"])
    with visiting(context, server.url) as visit:
        visit.page.on("dialog", lambda dialog: dialog.accept(next(entered)))
        for _ in range(3):
            visit.expect_complaint("401 (Unauthorized)")
        panel = visit.panel("notifications")
        panel.start()
        panel.says("Listening \N{HORIZONTAL ELLIPSIS}")
        publish = panel.find("[data-publish] button").first
        panel.fill(text="hello")
        reasons = ("this request needs Authorization: Bearer TOKEN", "the bearer token is not one")
        rows = panel.find(".feed li")
        for number, reason in enumerate(reasons):
            publish.click()
            expect(rows.nth(number)).to_contain_text(f"Not done: status 401 ({reason}")
        publish.click()
        expect(rows.nth(2)).to_have_text("infohello")
    assert server.stop() == 0
