"""nginx with a configuration of the test's, in a directory of the test's."""

import contextlib
import os
import pwd
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support import peers
from support.waiting import block_until

MAIN = """
daemon off;
master_process off;
user {user};
pid {root}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    {http}
}}
"""


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port of 127.0.0.1 for a program that cannot choose by itself, and listens with `reuseport`.

    It is bound here all the while, so nobody else is given it; who does not listen gets nothing.
    """
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@contextlib.contextmanager
def nginx(root: Path, http: str, port: int) -> Iterator[None]:
    """nginx with what `http` says, while inside; it listens on `port` when this begins."""
    program = peers.program("nginx")
    user = pwd.getpwuid(os.geteuid()).pw_name
    file, log = root / "nginx.conf", root / "error.log"
    file.write_text(MAIN.format(root=root, user=user, http=http))
    command = [program, "-e", "stderr", "-p", str(root), "-c", str(file)]
    with log.open("wb") as errors, subprocess.Popen(command, stderr=errors) as process:
        try:
            block_until(lambda: process.poll() is not None or listens(port))
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()


def listens(port: int) -> bool:
    with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
