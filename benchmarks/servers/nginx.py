"""nginx with sendfile for one file: this writes its configuration, then becomes nginx."""

import argparse
import os
import pwd
from pathlib import Path

from benchmarks.servers.work import FILE

CONFIGURATION = """
daemon off;
user {user};
worker_processes 1;
pid {root}/nginx.pid;
error_log stderr error;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location = /stream {{ alias {file}; }}
    }}
}}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    root = Path(FILE).parent
    file = root / "nginx.conf"
    user = pwd.getpwuid(os.geteuid()).pw_name
    file.write_text(CONFIGURATION.format(user=user, root=root, port=options.port, file=FILE))
    os.execv(options.program, ["nginx", "-e", "stderr", "-p", str(root), "-c", str(file)])


if __name__ == "__main__":
    main()
