"""The participants, each with the command line that starts it and can be typed by hand.

    BENCH_WORK=alone python -m uvicorn benchmarks.servers.asgi:app --port 8001 --http h11 ...

`peer` describes the placeholders.
"""

from collections.abc import Sequence

from benchmarks.peer import STREAMS, Peer
from benchmarks.servers.work import CODED_FEEDS, CODED_TOKENS

UVICORN = "{python} -m uvicorn --port {port} --loop {loop} --no-access-log --log-level error "

FLOOR = Peer(
    "floor",
    "{python} -m benchmarks.servers.floor --port {port} --loop {loop}",
    works=STREAMS | {"fanout"},
)

# The other servers give requests no ids.
STREAMSERVER = Peer(
    "streamserver",
    "{python} -m streamserver benchmarks.servers.ours:app --port {port} --loop {loop} "
    "--no-access-log --no-request-id",
    modules=("streamserver", "h11"),
    works=STREAMS
    | {"export", "idle-push", "idle-events", "fanout", *CODED_FEEDS, *CODED_TOKENS, "file"},
)

WORKERS = 4

REDIS = Peer(
    "redis",
    "{python} -m benchmarks.servers.redis {program} --port {port}",
    program="redis-server",
)
"""The store through which the workers of a server share a feed."""

UVICORN_HTTPTOOLS = Peer(
    "uvicorn with httptools",
    UVICORN + "--http httptools benchmarks.servers.asgi:app",
    modules=("uvicorn", "httptools"),
    works=STREAMS | {"export"},
)

NGINX = Peer(
    "nginx with sendfile",
    "{python} -m benchmarks.servers.nginx {program} --port {port}",
    program="nginx",
    works=frozenset({"file"}),
)

PEERS: Sequence[Peer] = (
    FLOOR,
    STREAMSERVER,
    Peer(
        "streamserver with Router",
        STREAMSERVER.command.replace(":app", ":routed"),
        modules=STREAMSERVER.modules,
        works=frozenset({"alone", "burst"}),
    ),
    Peer(
        f"streamserver, {WORKERS} workers",
        f"{STREAMSERVER.command} --workers {WORKERS}",
        modules=(*STREAMSERVER.modules, "redis"),
        works=frozenset({"fanout-workers"}),
    ),
    UVICORN_HTTPTOOLS,
    Peer(
        "Starlette on uvicorn",
        UVICORN + "--http httptools benchmarks.servers.framework:app",
        modules=("uvicorn", "httptools", "starlette"),
    ),
    Peer(
        "sse-starlette on uvicorn",
        UVICORN + "--http httptools benchmarks.servers.sse:app",
        modules=("uvicorn", "httptools", "starlette", "sse_starlette"),
        works=frozenset({"idle-events", "fanout"}),
    ),
    Peer(
        "uvicorn with h11",
        UVICORN + "--http h11 benchmarks.servers.asgi:app",
        modules=("uvicorn", "h11"),
    ),
    Peer(
        "hypercorn",
        "{python} -m hypercorn benchmarks.servers.asgi:app --bind 127.0.0.1:{port} "
        "--worker-class {loop} --workers 1 --log-level error",
        modules=("hypercorn",),
    ),
    # By default granian runs 1,024 requests at a time, too few for the streams of `memory`.
    Peer(
        "granian",
        "{python} -m granian benchmarks.servers.asgi:app --interface asginl --port {port} "
        "--loop {loop} --workers 1 --no-ws --log-level error --backpressure 4096",
        modules=("granian",),
    ),
    Peer(
        "aiohttp",
        "{python} -m benchmarks.servers.aiohttp_server --port {port} --loop {loop}",
        modules=("aiohttp",),
        works=STREAMS | {"file"},
    ),
    Peer(
        "aiohttp-sse",
        "{python} -m benchmarks.servers.aiohttp_sse --port {port} --loop {loop}",
        modules=("aiohttp", "aiohttp_sse"),
        works=frozenset({"fanout"}),
    ),
    Peer("node", "{program} {here}/servers/node.js {port}", program="node"),
    NGINX,
)

UPSTREAM = Peer("upstream", "{python} -m benchmarks.servers.upstream --port {port}")
"""The upstream of every relay, on asyncio."""

DIRECT = Peer("no relay", command="")
"""Direct requests to the upstream, for which nothing is started."""

NGINX_RELAY = Peer(
    "nginx",
    "env UPSTREAM={upstream} {python} -m benchmarks.relays.nginx {program} --port {port}",
    program="nginx",
)

PLAIN_RELAY = Peer(
    "streamserver",
    "{python} -m streamserver proxy http://127.0.0.1:{upstream} --port {port} --loop {loop} "
    "--no-access-log --no-request-id",
    modules=("streamserver", "h11"),
)
KEEPING_RELAY = Peer(
    "streamserver, resumable",
    f"{PLAIN_RELAY.command} --resumable --resume-keep 1s --resume-answers 100000",
    modules=PLAIN_RELAY.modules,
)
"""For a measure of its own: the other relays get no POST."""

RELAYS: Sequence[Peer] = (
    PLAIN_RELAY,
    NGINX_RELAY,
    Peer(
        "HAProxy",
        "env PORT={port} UPSTREAM={upstream} {program} -db -f {here}/relays/haproxy.cfg",
        program="haproxy",
    ),
    Peer(
        "aiohttp",
        "env UPSTREAM={upstream} {python} -m benchmarks.relays.aiohttp_relay "
        "--port {port} --loop {loop}",
        modules=("aiohttp",),
    ),
    Peer(
        "Starlette + httpx on uvicorn",
        "env UPSTREAM={upstream} " + UVICORN + "--http httptools benchmarks.relays.httpx_relay:app",
        modules=("uvicorn", "httptools", "starlette", "httpx"),
    ),
    Peer(
        "node",
        "env UPSTREAM={upstream} {program} {here}/relays/node.js {port}",
        program="node",
    ),
)
