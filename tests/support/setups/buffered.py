"""Servers of the standard library's ``http.server``, as a program with one port for each.

It prints the port of one that never flushes; the other answers one request at a time.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

COUNT, GAP = 24, 0.05
WORK = 4.0
"""Seconds of work for one answer."""


class Streams(BaseHTTPRequestHandler):
    """HTTP/1.0, the default of ``http.server``: the body ends where the connection closes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        for n in range(COUNT):
            self.wfile.write(b'data: {"n":%d,"text":"lorem ipsum"}\n\n' % n)
            time.sleep(GAP)

    def log_message(self, format: str, *args: object) -> None: ...


class Unflushed(Streams):
    """Writes to a ``BufferedWriter``, and never flushes it."""

    wbufsize = 8192


class Working(Streams):
    """Finishes its work when its client has left."""

    def do_GET(self) -> None:
        end = time.monotonic() + WORK
        try:
            super().do_GET()
        except ConnectionError:
            time.sleep(max(end - time.monotonic(), 0))


def serve(server: HTTPServer) -> int:
    threading.Thread(target=server.serve_forever).start()
    return server.server_port


if __name__ == "__main__":
    servers = [
        ThreadingHTTPServer(("127.0.0.1", 0), Unflushed),
        ThreadingHTTPServer(("127.0.0.1", 0), Streams),
        HTTPServer(("127.0.0.1", 0), Working),
    ]
    ports = [f"http://127.0.0.1:{serve(server)}" for server in servers]
    print(json.dumps(ports), flush=True)
    print(f"listening on {ports[0]}", flush=True)
