"""TLS as it should be spoken today (RFC 9325, section 3.1), by PEM files that a user names."""

import ssl

from streamserver.cli.problem import CannotServe
from streamserver.proxy import origin


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """A context with the certificate chain and private key in these PEM files.

    Raises CannotServe if they cannot be used, among others because the key has a passphrase:
    a server that starts at night has nobody to ask.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for what, path in (("certificate", certificate), ("key", key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise CannotServe(f"cannot read the TLS {what} {path}: {error.strerror}") from error
    try:
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        pair = f"the TLS certificate {certificate} with the key {key}"
        raise CannotServe(f"cannot use {pair}: {error}") from error
    return context


def trusting(authorities: str) -> ssl.SSLContext:
    """A client's context that trusts the authorities in this file; the system's no longer.

    Raises CannotServe if they cannot be used.
    """
    try:
        return origin.client_context(authorities)
    except OSError as error:
        raise CannotServe(
            f"cannot use the authorities in {authorities}: {error.strerror}"
        ) from error
