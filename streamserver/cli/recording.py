"""The options of `proxy` that record cassettes, and of `target` that replay them."""

import math
import re
from argparse import ArgumentTypeError, Namespace
from pathlib import Path

from streamserver.cli.engine_options import MOST_BYTES
from streamserver.cli.options import Option, octets
from streamserver.cli.problem import CannotServe
from streamserver.cli.values import text, whole
from streamserver.kit.service import Handler
from streamserver.lab.cassettes import recorder
from streamserver.lab.cassettes.recorder import RecordingProxy
from streamserver.lab.cassettes.redaction import secret_values
from streamserver.lab.cassettes.replay import make_replay
from streamserver.proxy.proxy import Proxy

RECORD = (
    Option(
        "record",
        None,
        text,
        "DIR",
        "write each exchange to a file there, with secrets redacted",
        "",
    ),
    octets(
        "record-bytes", recorder.MAX_BYTES, MOST_BYTES, "limit of what is recorded of a response"
    ),
    Option(
        "record-count",
        recorder.MAX_CASSETTES,
        whole(1, 10**6),
        "N",
        "files of each process and route, after which that one records no more",
    ),
)


def recorded(proxy: Proxy, options: Namespace) -> Handler:
    """The proxy, which records if ``--record`` is set; CannotServe for an unusable directory."""
    if options.record is None:
        return proxy
    secrets = secret_values([*options.injected.items()])
    limits = options.record_bytes, options.record_count
    try:
        return RecordingProxy(proxy, Path(options.record), *limits, secrets)
    except OSError as error:
        raise CannotServe(f"--record: {error}") from error


def speed(value: str) -> float:
    """The factor on the recorded speed; ``max`` is ``math.inf``."""
    if value == "max":
        return math.inf
    if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", value) and 0.01 <= float(value) <= 1000:
        return float(value)
    raise ArgumentTypeError(f"{value!r} is not max or a number from 0.01 to 1000")


REPLAY = (
    Option("replay", None, text, "DIR", "replay the files that proxy --record wrote there", ""),
    Option("speed", 1.0, speed, "N", "factor on the recorded speed, or max: without delays", "1"),
)


def replayed(options: Namespace) -> Handler:
    """The replay of ``--replay``; CannotServe if the directory has no cassette."""
    try:
        return make_replay(Path(options.replay), options.speed)
    except (OSError, ValueError) as error:
        raise CannotServe(f"--replay: {error}") from error
