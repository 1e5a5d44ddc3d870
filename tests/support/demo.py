"""The demo as its users run it, with a file of known content to download."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from support.process import ServerProcess

NAME = "download.bin"
CONTENT = bytes(range(256)) * 12289  # over 3 MiB, and no multiple of any buffer
UPLOADED = {"size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
_TOKEN = re.compile(r"[?&]wire=[0-9a-f]+$")
TEXT = "Grüße, 世界 \N{WAVING HAND SIGN}!"


@dataclass(frozen=True, slots=True)
class Demo:
    """The running demo."""

    server: ServerProcess
    url: str

    def __truediv__(self, target: str) -> str:
        """The URL of a target."""
        return f"{self.url}/{target}"

    def outcomes(self, target: str) -> list[str]:
        """How the exchanges with this target ended that the access log tells of so far."""
        return [line["outcome"] for line in self._lines() if line["target"] == f"/{target}"]

    def ended(self, target: str) -> list[str]:
        """The same for a target that the page asked for, without the token that it puts there."""
        lines = self._lines()
        return [line["outcome"] for line in lines if _TOKEN.sub("", line["target"]) == target]

    def targets(self, path: str) -> list[str]:
        """The targets with this path of the exchanges that have ended, in that order."""
        targets = [str(line["target"]) for line in self._lines()]
        return [target for target in targets if target.partition("?")[0] == path]

    def _lines(self) -> list[dict[str, Any]]:
        lines = self.server.output().splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in told if "target" in line]


def counts(events: bytes) -> list[int]:
    """The counts in the counter's events, in their order."""
    return [json.loads(data)["count"] for data in re.findall(rb"^data: ?(.*)$", events, re.M)]
