"""TLS without an authority: a certificate that vouches for itself."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from support import peers


class Certificate(NamedTuple):
    """The paths of a certificate and of its key."""

    cert: str
    key: str


def self_signed(folder: Path) -> Certificate:
    """A new one in this folder, for 127.0.0.1; without openssl the test skips, or fails in CI."""
    made = Certificate(str(folder / "cert.pem"), str(folder / "key.pem"))
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x"
    names = "-addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", made.key, "-out", made.cert]
    command = [peers.program("openssl"), *make.split(), *names.split(), *files]
    subprocess.run(command, check=True, capture_output=True)
    return made
