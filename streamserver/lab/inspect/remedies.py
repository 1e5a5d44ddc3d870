"""What to change, for the server itself and for products between it and its clients.

The names are those of the products' own documents. Where a product does no such thing, it has no
entry.
"""

from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdict import Remedy


def server(change: str) -> Remedy:
    """A change of the server itself."""
    return Remedy("server", change)


BUFFERING = (
    server(
        "flush after each event, and write no event into a buffered file object; send "
        "X-Accel-Buffering: no, which nginx follows"
    ),
    Remedy("nginx", "proxy_buffering off; (fastcgi_buffering, uwsgi_buffering) in the location"),
    Remedy("HAProxy", "option http-no-delay, without which small writes wait for up to 200 ms"),
    Remedy(
        "Apache", "no SetOutputFilter BUFFER (mod_buffer); flushpackets=on for fcgi:// and ajp://"
    ),
    Remedy("Caddy", "reverse_proxy { flush_interval -1 }, if the type is not text/event-stream"),
    Remedy("ingress-nginx", 'nginx.ingress.kubernetes.io/proxy-buffering: "off"'),
    Remedy(
        "Traefik",
        "no middleware buffering on the route; loadBalancer.responseForwarding.flushInterval: 1ms "
        "(default 100ms), if the type is not text/event-stream",
    ),
    Remedy("AWS", "API Gateway: responseTransferMode: STREAM; an ALB passes data on at once"),
    Remedy("Cloudflare", "the type text/event-stream, and Cache-Control: no-transform"),
)
"""Against hops and servers that collect events."""

HEAD = (
    server("send and flush the head before the first event is awaited, or send a comment first"),
    Remedy("nginx", "proxy_buffering off; with buffering, the head waits for the first data"),
    Remedy("Caddy", "@rest not path /events*, then encode @rest gzip: encode holds the head back"),
    Remedy("ingress-nginx", 'nginx.ingress.kubernetes.io/proxy-buffering: "off"'),
)
"""Against heads that wait for the first event."""

COMPRESSION = (
    server(
        "flush the encoder after each event (Z_SYNC_FLUSH in zlib), or do not compress; send "
        "Cache-Control: no-transform, with which hops leave the body alone"
    ),
    Remedy("nginx", "proxy_buffering off; or no text/event-stream in gzip_types"),
    Remedy("HAProxy", "no text/event-stream in compression type"),
    Remedy("Apache", "SetEnv no-gzip 1 in the Location (mod_deflate)"),
    Remedy("Caddy", "@rest not path /events*, then encode @rest gzip"),
    Remedy("ingress-nginx", "no text/event-stream in gzip-types of the ConfigMap"),
    Remedy("Traefik", "compress.excludedContentTypes: text/event-stream"),
    Remedy("Cloudflare", "Cache-Control: no-transform from the server"),
)
"""Against encoders that are not flushed."""

OLD_HTTP = (
    server("send chunks in HTTP/1.1, and in HTTP/1.0 a body that ends with the connection"),
    Remedy("nginx", 'proxy_http_version 1.1; proxy_set_header Connection "";'),
    Remedy("Apache", "no SetEnv force-response-1.0 or downgrade-1.0"),
    Remedy("ingress-nginx", 'nginx.ingress.kubernetes.io/proxy-http-version: "1.1"'),
)
"""Against HTTP/1.0, and bodies that end with their connection."""

LENGTH = (
    server("send no Content-Length: the body of a stream is chunked"),
    *(one for one in BUFFERING if one.where in ("nginx", "Apache", "Traefik")),
)
"""Against a length, which is known only when all events exist."""

HEARTBEATS = (
    server('send a comment (":" and a blank line) when nothing was sent for 15 s'),
    Remedy("nginx", "proxy_read_timeout 3600s; (default 60s) as well"),
    Remedy("HAProxy", "timeout server and timeout client above the longest silence"),
    Remedy("Apache", "ProxyTimeout 3600 (default: Timeout, 60)"),
    Remedy("ingress-nginx", 'nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"'),
    Remedy("AWS", "idle_timeout.timeout_seconds of the ALB (default 60)"),
)
"""Against silence, which idle timeouts end."""

CUT = (
    server("end each stream by its framing, and send heartbeats, which restart idle timeouts"),
    Remedy("nginx", "proxy_read_timeout 3600s; (default 60s)"),
    Remedy("HAProxy", "timeout server, timeout client (and timeout tunnel after an upgrade)"),
    Remedy("Apache", "ProxyTimeout 3600, or ProxyPass ... timeout=3600 (default: Timeout, 60)"),
    Remedy("Caddy", "no write in servers { timeouts }, no read_timeout in transport http"),
    Remedy("ingress-nginx", 'nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"'),
    Remedy("Traefik", "entryPoints.NAME.transport.respondingTimeouts.writeTimeout: 0"),
    Remedy(
        "AWS",
        "idle_timeout.timeout_seconds of the ALB (default 60); origin response timeout of "
        "CloudFront (default 30)",
    ),
    Remedy("GCP", "timeoutSec of the backend service (default 30), the limit of a whole response"),
    Remedy("Cloudflare", "a heartbeat: its Proxy Read Timeout (default 120) is Enterprise's"),
)
"""Against timers on the way."""


def likely_first(remedies: tuple[Remedy, ...], message: Message) -> tuple[Remedy, ...]:
    """``remedies`` with those for the products that Server and Via name directly after those for
    the server itself."""
    named = [value for name, value in message.fields if name in ("server", "via")]
    text = " ".join(named).lower()

    def rank(remedy: Remedy) -> int:
        return 0 if remedy.where == "server" else 1 if remedy.where.lower() in text else 2

    return tuple(sorted(remedies, key=rank))
