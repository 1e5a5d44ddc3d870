"""A redis-server without persistence, through which the workers of a server share a feed."""

import argparse
import os

from benchmarks.servers.work import DIRECTORY

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--port", required=True)
    options = parser.parse_args()
    settings = {"port": options.port, "bind": "127.0.0.1", "dir": DIRECTORY}
    settings |= {"save": "", "appendonly": "no"}
    argv = [part for name, value in settings.items() for part in (f"--{name}", value)]
    os.execv(options.program, ["redis-server", *argv])
