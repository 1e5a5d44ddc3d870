"""A restart at SIGHUP: new workers read the code and the certificates, or nothing changes."""

import signal
import socket
import ssl
from pathlib import Path

from cli.conftest import LIMIT
from support.certificates import self_signed
from support.figures import figure
from support.process import RunServer, ServerProcess, workers_of
from support.waiting import block_until

APP = """
from streamserver import Response

async def app(request):
    return Response("one")
"""


def ask(server: ServerProcess, path: str = "/") -> tuple[str, bytes]:
    """The body of a response, and the certificate of the server."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", server.port), LIMIT) as plain,
        context.wrap_socket(plain) as sock,
    ):
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        with sock.makefile("rb") as file:
            body = file.read().partition(b"\r\n\r\n")[2]
        return body.decode(), sock.getpeercert(True) or b""


def signalled(server: ServerProcess, result: str) -> None:
    """Request a restart, and wait for its result in the log."""
    count = server.output().count(result)
    server.process.send_signal(signal.SIGHUP)
    block_until(lambda: server.output().count(result) > count, LIMIT)


def test_a_restart_reads_the_code_and_the_certificates_again(
    run_server: RunServer, tmp_path: Path
) -> None:
    code, made = tmp_path / "changing.py", self_signed(tmp_path)
    code.write_text(APP)
    server = run_server(
        *("changing:app", "--workers", "2", "--metrics", "--no-access-log"),
        *("--tls-cert", made.cert, "--tls-key", made.key),
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    text, certificate = ask(server)
    assert text == "one"

    code.write_text(APP.replace("one", "two"))
    self_signed(tmp_path)
    signalled(server, "restarted: ")
    text, renewed = ask(server)
    assert text == "two"
    assert renewed != certificate

    workers = workers_of(server)
    code.write_text("def")
    Path(made.cert).write_text("none")
    signalled(server, "the restart failed, and the workers are unchanged: worker ")
    assert "cannot load changing:app: SyntaxError" in server.output()
    assert ask(server) == ("two", renewed)
    code.write_text(APP)
    signalled(server, "the restart failed, and the workers are unchanged: worker ")
    assert "cannot use the TLS certificate" in server.output()
    block_until(lambda: {*workers_of(server)} <= {*workers}, LIMIT)
    assert figure(ask(server, "/metrics")[0], "exchanges_total", route="-", status="200") == 3
