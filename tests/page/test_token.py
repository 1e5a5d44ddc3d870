"""The page of a server that requires a token for requests that write."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from support.browsing import visiting
from support.process import RunServer
from support.upstreams import answering

WRONG_KEY = (
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 9\r\n\r\nwrong key"
)


def test_an_action_is_refused_until_the_token_is_entered(
    context: Any, tmp_path: Path, run_server: RunServer
) -> None:
    (tmp_path / "token").write_text("old\nnew-token\n")
    entered = ["new-token", "wrong", ""]
    with answering(WRONG_KEY) as (upstream, _):
        options = "--publish-token-file", str(tmp_path / "token"), "--upstream", upstream
        server = run_server(*options)
        with visiting(context, server.url) as visit:
            visit.page.on("dialog", lambda dialog: dialog.accept(entered.pop()))
            for _ in range(3):
                visit.expect_complaint("401 (Unauthorized)")
            panel = visit.panel("notifications")
            panel.start()
            panel.says("Listening \N{HORIZONTAL ELLIPSIS}")
            publish = panel.find("[data-publish] button").first
            panel.fill(text="hello")
            reasons = (
                "this request needs Authorization: Bearer TOKEN",
                "the bearer token is not valid",
            )
            rows = panel.find(".feed li")
            for number, reason in enumerate(reasons):
                publish.click()
                expect(rows.nth(number)).to_contain_text(f"Not done: status 401 ({reason}")
            publish.click()
            expect(rows.nth(2)).to_have_text("infohello")
            assert entered == []
            # The key of the server is wrong, for which no user has a token.
            entered.append("unasked")
            visit.panel("chat").start()
            visit.panel("chat").says(re.compile("401"))
            assert entered == ["unasked"]
