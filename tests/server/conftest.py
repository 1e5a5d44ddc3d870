"""What several tests of the engine start from."""

import ssl
from typing import NamedTuple

import pytest

from support.certificates import self_signed


class Contexts(NamedTuple):
    """For a server with a certificate of its own making, and for a client that trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """TLS on 127.0.0.1, for both sides; made once, as nothing changes them."""
    made = self_signed(tmp_path_factory.mktemp("tls"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.cert, made.key)
    return Contexts(server, ssl.create_default_context(cafile=made.cert))
