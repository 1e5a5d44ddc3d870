"""The versions of TLS, and errors for files that cannot be used."""

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from streamserver.serving.sockets import CannotListen
from streamserver.serving.tls import server_context
from support.certificates import Certificate


def agreed(certificate: Certificate, client: ssl.SSLContext) -> ssl.SSLObject:
    """The client's side after a handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = server_context(certificate.cert, certificate.key)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    side = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    for end in (side, server, side, server, side):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return side


def trusting(certificate: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate.cert)


def test_http_1_1_is_agreed_on(certificate: Certificate) -> None:
    client = trusting(certificate)
    client.set_alpn_protocols(["h2", "http/1.1"])
    assert agreed(certificate, client).selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_version_that_is_safe_is_spoken(certificate: Certificate, version: str) -> None:
    client = trusting(certificate)
    client.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
    assert agreed(certificate, client).version() == version


def test_older_versions_are_not(certificate: Certificate) -> None:
    context = server_context(certificate.cert, certificate.key)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def refused(cert: str, key: str) -> str:
    with pytest.raises(CannotListen) as problem:
        server_context(cert, key)
    assert "\n" not in str(problem.value)
    return str(problem.value)


def test_a_file_that_cannot_be_read_is_named(certificate: Certificate, tmp_path: Path) -> None:
    absent, directory = str(tmp_path / "absent.pem"), str(tmp_path)
    problem = refused(absent, certificate.key)
    assert problem == f"cannot read the TLS certificate {absent}: No such file or directory"
    problem = refused(certificate.cert, directory)
    assert problem == f"cannot read the TLS key {directory}: Is a directory"


def test_a_key_that_does_not_fit_is_refused(certificate: Certificate, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("garbage")
    assert "cannot use the TLS certificate" in refused(certificate.cert, str(garbage))
    assert "cannot use the TLS certificate" in refused(certificate.key, certificate.key)


def test_a_key_with_a_passphrase_is_refused_without_a_question(
    certificate: Certificate, tmp_path: Path, peer: Callable[[str], str]
) -> None:
    locked = str(tmp_path / "locked.pem")
    lock = f"pkey -in {certificate.key} -aes256 -passout pass:secret -out {locked}"
    subprocess.run([peer("openssl"), *lock.split()], check=True, capture_output=True)
    assert "cannot use the TLS certificate" in refused(certificate.cert, locked)
