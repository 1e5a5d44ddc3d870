"""What several tests of the engine start from."""

import ssl
import subprocess
from typing import NamedTuple

import pytest

from support import peers
from support.loops import Run, runner


class Contexts(NamedTuple):
    """For a server with a certificate of its own making, and for a client that trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test's coroutine in a loop of this kind, in debug mode."""
    return runner(request.param)


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """TLS on 127.0.0.1, for both sides; made once, as nothing changes them."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x"
    files = f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}"
    command = [peers.program("openssl"), *make.split(), *files.split()]
    subprocess.run(command, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    return Contexts(server, ssl.create_default_context(cafile=cert))
