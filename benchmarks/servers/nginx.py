"""nginx with sendfile for one file: writes a configuration, then executes nginx."""

import argparse
import os
import pwd
from pathlib import Path
from typing import NoReturn

from benchmarks.servers.work import DIRECTORY, FILE

MAIN = """
daemon off;
user {user};
worker_processes 1;
pid {root}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
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

DOWNLOAD = """
    sendfile on;
    tcp_nopush on;
    server {{
        listen 127.0.0.1:{port};
        location = /stream {{ alias {file}; }}
    }}
"""


def execute(program: str, http: str) -> NoReturn:
    """Replace this process by nginx, with `http` in its http block."""
    root = Path(DIRECTORY)
    user = pwd.getpwuid(os.geteuid()).pw_name
    file = root / "nginx.conf"
    file.write_text(MAIN.format(user=user, root=root, http=http.strip()))
    os.execv(program, ["nginx", "-e", "stderr", "-p", str(root), "-c", str(file)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    execute(options.program, DOWNLOAD.format(port=options.port, file=FILE))


if __name__ == "__main__":
    main()
