"""--compress on each command that serves."""

import json
import subprocess

from cli.conftest import HELLO
from streamserver.wire.content_coding import CODINGS
from support import peers
from support.process import RunServer, ServerProcess

COUNTER = "api/counter?count=3&interval=0.01"
EVENTS = "sse?count=20&gap=0&seed=1&stamps=0"
LONG = "x" * 600


def fetch(url: str, coding: str, *args: str) -> tuple[dict[str, str], str]:
    """The fields and the content that curl has of a response in this coding."""
    command = [peers.program("curl"), "-sS", "-i", "--noproxy", "*", "--compressed", *args]
    done = subprocess.run(
        [*command, "-H", f"Accept-Encoding: {coding}", url], capture_output=True, check=True
    )
    head, _, content = done.stdout.decode().partition("\r\n\r\n")
    fields = [line.split(": ", 1) for line in head.lower().split("\r\n")[1:]]
    return {field[0]: field[1] for field in fields}, content


def test_every_command_encodes_what_it_serves(
    run_server: RunServer, shared_target: ServerProcess
) -> None:
    """A relay too, since that is what its option asks for."""
    demo = run_server("--compress")
    target = run_server("target", "--compress")
    app = run_server("hello:app", env={**HELLO, "STREAMSERVER_COMPRESS": "on"})
    relay = run_server("proxy", shared_target.url, "--compress")
    _, plain = fetch(f"{shared_target.url}/{EVENTS}", "identity")
    for coding in CODINGS:
        answers = [
            fetch(f"{demo.url}/{COUNTER}", coding),
            fetch(f"{target.url}/{EVENTS}", coding),
            fetch(f"{app.url}/seen", coding, "-H", f"x-long: {LONG}"),
            fetch(f"{relay.url}/get?long={LONG}", coding),
        ]
        assert [fields.get("content-encoding") for fields, _ in answers] == [coding] * 4
        contents = [content for _, content in answers]
        assert contents[0].count("data: ") == 3
        assert contents[1] == plain
        assert ["x-long", LONG] in json.loads(contents[2])["fields"]
        assert json.loads(contents[3])["args"] == {"long": LONG}
