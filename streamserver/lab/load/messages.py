"""What the processes of one run say to each other: JSON, a message to a line, over pipes.

To a child:     {"job": ..., "share": [1, 4]}, then {"start": MOMENT}, or {"stop": true}
From a child:   {"ready": true} or {"problem": TEXT}; every second {"progress": ...};
                {"record": ...} for each exchange, where it is wanted; at last {"done": SUMMARY}

Moments are those of ``time.monotonic_ns``, which all processes of a machine share. A child whose
pipe ends without a last word has died, and one whose orders end has lost its parent.
"""

import json
from typing import Any

from streamserver.wire.json_text import to_ascii_json

LONGEST = 256 * 1024 * 1024
"""Bytes of one message."""


def write(message: dict[str, Any]) -> bytes:
    """A message as a line."""
    return to_ascii_json(message).encode() + b"\n"


def read(line: bytes) -> dict[str, Any] | None:
    """A line as a message; None for one that is cut, as the last words of the dying are."""
    if not line.endswith(b"\n"):
        return None
    message: dict[str, Any] = json.loads(line)
    return message
