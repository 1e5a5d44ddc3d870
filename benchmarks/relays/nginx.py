"""nginx as a relay: writes a configuration, then executes nginx."""

import argparse
import os

from benchmarks.servers import nginx

RELAY = """
    upstream origin {{
        server 127.0.0.1:{upstream};
        keepalive 256;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    nginx.execute(options.program, RELAY.format(port=options.port, upstream=os.environ["UPSTREAM"]))


if __name__ == "__main__":
    main()
