"""The command `target`: endpoints that stream on command."""

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from functools import partial

from streamserver.cli import engine_options, figures
from streamserver.cli.engine_options import ENGINE, settings
from streamserver.cli.launch import launch, prepare
from streamserver.cli.options import Option, Table, make_parser
from streamserver.cli.profiles import PROFILE
from streamserver.cli.recording import REPLAY, replayed
from streamserver.cli.values import names, switch, whole
from streamserver.lab.model.models import LISTED, Models
from streamserver.lab.pauses import avoid_pauses
from streamserver.lab.target.app import make_target

USAGE = "streamserver target [options]"
ABOUT = "Serve endpoints whose streams each request configures, for load tests; / lists them."
EACH_ALONE = (
    "each worker has its own slots, its own queue, its own engine of --profile and its own figures"
    " at /lab/lateness; /metrics has the lateness of all workers"
)
TABLE: Table = {
    **ENGINE,
    "limits": (engine_options.max_connections("as many as its descriptors allow"),),
    "concurrency": (
        Option("slots", 0, whole(0, 10_000), "N", "exchanges answered at once; 0: no limit"),
        Option("queue", 1000, whole(0, 100_000), "N", "exchanges that may wait for a slot"),
    ),
    "the model": (
        Option("models", LISTED, names, "NAMES", "models that are listed", ",".join(LISTED)),
        Option("strict-models", False, switch, "", "refuse all other models with 404", "off"),
        PROFILE,
    ),
    "replay instead of the endpoints": REPLAY,
    "figures": (figures.option(None, "on, if prometheus-client is installed"),),
}


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """Serve until a signal, and return the exit status.

    CannotServe, CannotListen; SystemExit for wrong usage.
    """
    prepare("target", argv)
    options = read(argv, os.environ)
    if options.replay:
        make = partial(replayed, options)
    else:
        models = Models(options.models, options.strict_models)
        make = partial(
            make_target, options.slots, options.queue, models=models, profile=options.profile
        )
    avoid_pauses()
    options.about = f"the replay of {options.replay}" if options.replay else "the target"
    return launch(options, settings(options), make, EACH_ALONE, warnings=warnings)


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """The value of each option; SystemExit for wrong usage, `--help` and `--version`."""
    parser = make_parser(USAGE, ABOUT, TABLE)
    options = engine_options.read("target", parser, TABLE, argv, environment)
    if options.speed != 1 and not options.replay:
        parser.error("--speed needs --replay DIR")
    if options.slots and options.replay:
        parser.error("--slots limits the endpoints, which --replay DIR replaces")
    for name in ("strict_models", "profile"):
        if getattr(options, name) and options.replay:
            flag = name.replace("_", "-")
            parser.error(f"--{flag} is for the endpoints, which --replay DIR replaces")
    return options
