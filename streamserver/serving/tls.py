"""TLS versions and protocols of a server (RFC 9325, section 3.1), with keys from PEM files."""

import os
import ssl

from streamserver.serving.sockets import CannotListen

AnyPath = str | os.PathLike[str]


def server_context(certificate: AnyPath, key: AnyPath) -> ssl.SSLContext:
    """A context with the certificate chain and private key in these PEM files.

    CannotListen if they cannot be used. A key with a passphrase is refused: a server that starts
    unattended cannot ask for it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for what, path in (("certificate", certificate), ("key", key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise CannotListen(f"cannot read the TLS {what} {path}: {error.strerror}") from error
    try:
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        pair = f"the TLS certificate {certificate} with the key {key}"
        raise CannotListen(f"cannot use {pair}: {error}") from error
    return context
