"""The command `bench` with failed exchanges: its report without secrets, and its exit status."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cli.conftest import Hello
from streamserver.wire.printable import printable
from support.calling import call
from support.nginx import reserved_port
from support.process import ServerProcess

SECRET = "sk-do-not-tell-0123456789"


class _Documents(BaseHTTPRequestHandler):
    """Responds to a chat with a document, as a service that ignores ``stream``."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"choices":[{"message":{"content":"Hi"}}]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_document_in_response_to_a_chat_is_a_failure() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Documents) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        done = call(
            "bench", f"http://127.0.0.1:{server.server_port}/v1",
            "--chat", "--model", "m", "--prompt", "Hello", "-n", "2",
        )  # fmt: skip
        server.shutdown()
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (3, "")
    assert "exchanges   no_stream 2" in lines
    assert "statuses    200 x 2" in lines
    assert any(line.startswith("not valid   no exchange ended well: no_stream 2") for line in lines)


def test_a_redirect_is_no_success(target: ServerProcess) -> None:
    done = call("bench", f"{target.url}/status/301", "-n", "2")
    assert done.returncode == 3
    assert "exchanges   redirected 2" in done.stdout
    assert "statuses    301 x 2" in done.stdout


def test_a_key_in_the_url_is_not_shown(target: ServerProcess) -> None:
    done = call("bench", f"{target.url}/get?api_key={SECRET}", "-n", "1", "--json", "-")
    figures = json.loads(done.stdout)
    assert figures["exchanges"]["statuses"] == {"200": 1}
    assert figures["title"] == f"GET {target.url}/get?api_key=REDACTED"
    assert SECRET not in done.stdout + done.stderr


def test_an_unreachable_service_makes_the_measurement_invalid() -> None:
    with reserved_port() as port:
        url = f"http://127.0.0.1:{port}/"
        done = call("bench", url, "-n", "2", "--slo", "first_byte_p99=50ms,errors=0.1%")
    assert done.returncode == 3
    reason = "not valid   no exchange received a response: unconnected 2 (unconnected: "
    assert reason in done.stdout


def test_the_body_of_a_failure_is_shown_without_secrets_and_controls(
    hello: Hello, tmp_path: Path
) -> None:
    server, files = hello(), [tmp_path / name for name in ("r.json", "r.csv", "r.html")]
    done = call(
        "bench", f"{server.url}/hostile", "-n", "4", "-c", "2", "--processes", "2",
        "--header", f"X-Api-Key: {SECRET}", "--no-progress",
        "--json", str(files[0]), "--csv", str(files[1]), "--html", str(files[2]),
    )  # fmt: skip
    assert done.returncode == 3
    line = rf"no \x1b[2J\x9b31m\u202e\u200b<b>, key {'*' * len(SECRET)}"
    assert done.stdout.count(f"answer 503  {line}\n") == 1
    figures = json.loads(files[0].read_text())
    assert printable(figures["exchanges"]["answers"]["503"]) == line
    assert line.replace("<b>", "&lt;b&gt;") in files[2].read_text()
    for text in (done.stdout, *[file.read_text() for file in files]):
        assert SECRET not in text
        assert all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize("argv", [[], ["--compare", "http://name.invalid/?token=other-secret"]])
def test_a_url_that_cannot_be_resolved_is_shown_without_its_secrets(argv: list[str]) -> None:
    done = call("bench", f"http://name.invalid/?api_key={SECRET}", *argv)
    assert "http://name.invalid/?api_key=REDACTED" in done.stderr
    assert SECRET not in done.stderr
    assert "other-secret" not in done.stderr
