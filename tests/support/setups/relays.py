"""nginx, HAProxy and Apache before the origin, each with one port for each configuration.

Where the configuration of a relay has a name of its own, it is a fault: ``nginx-shipped``.
"""

import contextlib
import grp
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from support import peers
from support.certificates import Certificate
from support.nginx import listens, nginx, reserved_port
from support.waiting import block_until

NGINX = {
    "nginx": "proxy_http_version 1.1; proxy_buffering off;",
    "nginx-shipped": "",
    "nginx-old": "proxy_buffering off;",
    "nginx-old-target": "proxy_buffering off;",
    "nginx-gzip": "proxy_http_version 1.1; gzip on; gzip_types text/event-stream;",
    "nginx-gzip-unbuffered": (
        "proxy_http_version 1.1; proxy_buffering off; gzip on; gzip_types text/event-stream;"
    ),
    "nginx-short": "proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 1s;",
}
"""Directives by the name of the set-up."""
TLS = {"nginx-h1": "ssl", "nginx-h2": "ssl http2"}
"""Parameters of ``listen``."""
HAPROXY = {
    "haproxy": "timeout server 1h\n    option http-no-delay",
    "haproxy-shipped": "timeout server 1h",
    "haproxy-shipped-target": "timeout server 1h",
    "haproxy-short": "timeout server 1s\n    option http-no-delay",
}
DEFLATE = "AddOutputFilterByType DEFLATE text/event-stream"
APACHE = {
    "apache": "",
    "apache-deflate": DEFLATE,
}
"""``/cgi`` is a script that streams, which mod_deflate holds back. A body that mod_proxy relays is
flushed, with mod_deflate too."""
MODULES = ["mpm_prefork", "authz_core", "alias", "cgi", "filter", "proxy", "proxy_http", "deflate"]
SCRIPT = """#!/bin/sh
printf 'Content-Type: text/event-stream\\nCache-Control: no-cache\\n\\n'
n=0
while [ $n -lt 24 ]; do
    printf 'data: {"n":%d,"text":"lorem ipsum"}\\n\\n' $n
    n=$((n + 1))
    sleep 0.05
done
"""
PATIENCE = 20.0


@contextlib.contextmanager
def ports(names: Mapping[str, str]) -> Iterator[dict[str, int]]:
    """A port for each name."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(reserved_port()) for name in names}


@contextlib.contextmanager
def nginx_relays(
    root: Path, upstream: int, target: int, certificate: Certificate
) -> Iterator[dict[str, str]]:
    """The URL of each configuration of nginx, one of them before the lab's target."""
    with ports({**NGINX, **TLS}) as found:
        servers = [
            f"server {{ listen 127.0.0.1:{found[name]} reuseport; "
            f"location / {{ proxy_pass http://127.0.0.1:{_before(name, upstream, target)}; "
            f"{directives} }} }}"
            for name, directives in NGINX.items()
        ] + [
            f"server {{ listen 127.0.0.1:{found[name]} {parameters} reuseport; "
            f"ssl_certificate {certificate.cert}; ssl_certificate_key {certificate.key}; "
            f"location / {{ proxy_pass http://127.0.0.1:{upstream}; {NGINX['nginx']} }} }}"
            for name, parameters in TLS.items()
        ]
        with nginx(root, "\n".join(servers), found["nginx"]):
            yield {
                name: f"http{'s' * (name in TLS)}://127.0.0.1:{port}"
                for name, port in found.items()
            }


@contextlib.contextmanager
def haproxy_relays(root: Path, upstream: int, target: int) -> Iterator[dict[str, str]]:
    """The URL of each configuration of HAProxy, one of them before the lab's target."""
    with ports(HAPROXY) as found:
        sections = [
            "global\n    nbthread 1\n    maxconn 200\n",
            "defaults\n    mode http\n    timeout connect 5s\n    timeout client 1h\n",
        ] + [
            f"listen {name}\n    bind 127.0.0.1:{found[name]}\n    {directives}\n"
            f"    server origin 127.0.0.1:{_before(name, upstream, target)}\n"
            for name, directives in HAPROXY.items()
        ]
        file = root / "haproxy.cfg"
        file.write_text("\n".join(sections))
        with running([peers.program("haproxy"), "-db", "-f", str(file)], root, found):
            yield _urls(found)


@contextlib.contextmanager
def apache_relays(upstream: int) -> Iterator[dict[str, str]]:
    """The URL of each configuration of Apache.

    Its processes leave root behind, so they cannot read the directories of pytest.
    """
    with tempfile.TemporaryDirectory() as directory, ports(APACHE) as found:
        root = Path(directory)
        root.chmod(0o755)
        script = root / "events"
        script.write_text(SCRIPT)
        script.chmod(0o755)
        file = root / "apache.conf"
        file.write_text("\n".join(_apache_lines(root, found, upstream)))
        with running([peers.program("apache2"), "-DFOREGROUND", "-f", str(file)], root, found):
            yield _urls(found)


def _apache_lines(root: Path, found: Mapping[str, int], upstream: int) -> Iterator[str]:
    modules = Path(os.environ.get("APACHE_MODULES", "/usr/lib/apache2/modules"))
    user = pwd.getpwnam("nobody")
    yield f'ServerRoot "{root}"\nPidFile apache.pid\nErrorLog "|/bin/cat"\nServerName localhost'
    yield "Mutex pthread\nListenCoresBucketsRatio 1\nStartServers 6"
    yield f"User {user.pw_name}\nGroup {grp.getgrgid(user.pw_gid).gr_name}"
    yield from (f"LoadModule {name}_module {modules}/mod_{name}.so" for name in MODULES)
    for name, port in found.items():
        yield f"Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\n{APACHE[name]}"
        yield f'ScriptAlias /cgi "{root}/events"\nProxyPass /cgi !'
        yield f"ProxyPass / http://127.0.0.1:{upstream}/\n</VirtualHost>"


@contextlib.contextmanager
def running(command: list[str], root: Path, found: Mapping[str, int]) -> Iterator[None]:
    """A program while inside; it listens on the first of these ports when this begins."""
    log = root / f"{Path(command[0]).name}.log"
    with (
        log.open("wb") as output,
        # Apache ends its whole process group.
        subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True) as process,
    ):
        try:
            port = next(iter(found.values()))
            block_until(lambda: process.poll() is not None or listens(port), PATIENCE)
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()


def _before(name: str, upstream: int, target: int) -> int:
    return target if name.endswith("-target") else upstream


def _urls(found: Mapping[str, int]) -> dict[str, str]:
    return {name: f"http://127.0.0.1:{port}" for name, port in found.items()}
