"""The versions of HTTP: what ALPN offers, and what its absence means."""

import pytest

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdicts.versions import judge_versions
from support.inspected import message, no_response

H3 = message([], ("alt-svc", 'h3=":443"; ma=86400'))


@pytest.mark.parametrize(
    ("main", "versions", "status", "seen"),
    [
        (message(), ("h2", "http/1.1"), "ok", "ALPN offers h2 and http/1.1"),
        (message(), ("http/1.1",), "ok", "ALPN offers http/1.1: browsers open at most six"),
        (message(), (), "ok", "the server ignores ALPN: browsers open at most six"),
        (H3, ("h2", "http/1.1"), "ok", "Alt-Svc offers h3"),
        (
            message(),
            None,
            "not seen",
            "no TLS, so browsers use HTTP/1.1: browsers open at most six",
        ),
        (no_response("failed"), None, "not seen", "no response"),
    ],
)
def test_versions(main: Message, versions: tuple[str, ...] | None, status: str, seen: str) -> None:
    verdict = judge_versions(Evidence(main, versions=versions))
    assert verdict.status == status
    assert seen in verdict.evidence
