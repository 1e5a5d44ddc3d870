"""How much `bench` asks for, and for how long: its options, and the job they come to."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from math import ceil, inf
from typing import Any

from streamserver.cli.loops import HELP, NAMES
from streamserver.cli.options import Option, duration
from streamserver.cli.timeouts import timeout_options
from streamserver.cli.values import one_of, switch, whole
from streamserver.lab.client.asked import Ask
from streamserver.lab.client.timeouts import Timeouts
from streamserver.lab.load import profile
from streamserver.lab.load.arrivals import ARRIVALS
from streamserver.lab.load.job import Job
from streamserver.lab.load.profile import Profile

MOST_AT_ONCE = 100_000
EACH = 10
"""Exchanges for each that is at once, where neither their number nor a time is given."""
OPEN_LOOP_SECONDS = 10.0
"""How long an open loop goes on, where neither is given."""
TIMEOUTS = Timeouts()
ONE = profile.parse("1")
_DEFAULTS: Any = Job.__dataclass_fields__


def _profile(value: str) -> Profile:
    try:
        return profile.parse(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _concurrency(value: str) -> Profile:
    found = _profile(value)
    if found.most < 1:
        raise ArgumentTypeError(f"{value!r} is less than one at once")
    if found.most > MOST_AT_ONCE:
        raise ArgumentTypeError(f"{value!r} is more than {MOST_AT_ONCE} at once")
    return found


LOAD = (
    Option(
        "concurrency",
        None,
        _concurrency,
        "PROFILE",
        "closed loop: number of concurrent exchanges, constant or over time, as in"
        " 10@30s,20@30s (steps) or 0..100@1m (a ramp)",
        "1",
        letter="c",
    ),
    Option(
        "rate",
        None,
        _profile,
        "PROFILE",
        "open loop: number of exchanges that begin per second, whether or not earlier ones have"
        " ended; over time as with --concurrency",
        shown="",
    ),
    Option(
        "arrivals",
        ARRIVALS[0],
        one_of(*ARRIVALS),
        "KIND",
        "intervals of an open loop: constant, or poisson (random)",
    ),
    Option("seed", 0, whole(0, 2**53), "N", "seed of the arrivals and UUIDs"),
    Option(
        "count",
        None,
        whole(1, 10**9),
        "N",
        "number of exchanges",
        f"{EACH} per concurrent one; an open loop ends after {OPEN_LOOP_SECONDS:g} s",
        letter="n",
    ),
    Option(
        "duration",
        None,
        duration("duration", 0, "").read,
        "DURATION",
        "time in which exchanges begin",
        "by --count or the profile",
    ),
    duration("warm-up", 0.0, "time at the beginning that is not measured", zero=True),
    duration("grace", 30.0, "for open exchanges to end after the last has begun", zero=True),
    Option(
        "max-open",
        _DEFAULTS["max_open"].default,
        whole(1, MOST_AT_ONCE),
        "N",
        "concurrent exchanges of an open loop; others are counted as not sent",
    ),
    Option("fresh", False, switch, "", "open a new connection for each exchange", "off"),
)
WAITS = timeout_options(TIMEOUTS.connect, TIMEOUTS.first_byte, TIMEOUTS.gap, TIMEOUTS.total)
PROCESSES = (
    Option("processes", 1, whole(1, 256), "N", "number of processes that share the load"),
    Option("loop", "auto", one_of(*NAMES), "NAME", HELP),
)


def check(options: Namespace, parser: ArgumentParser) -> None:
    """Exit with what is wrong where options do not go together."""
    if options.rate and options.concurrency:
        parser.error("--concurrency is a closed loop and --rate an open one: give one of them")
    if options.rate and options.max_open < options.processes:
        parser.error("--max-open is less than --processes, of which each needs one at least")
    if not options.rate and options.processes > (options.concurrency or ONE).most:
        parser.error("--processes are more than --concurrency has exchanges for at once")


def job_of(options: Namespace, ask: Ask) -> Job:
    """What is to be run."""
    rate = options.rate
    concurrency = None if rate else options.concurrency or ONE
    seconds, count = _end(options, rate, concurrency)
    return Job(
        ask,
        concurrency,
        rate,
        options.arrivals,
        options.seed,
        seconds,
        count,
        options.warm_up,
        options.grace,
        options.max_open,
        options.fresh,
        Timeouts(
            options.connect_timeout,
            options.first_byte_timeout,
            options.gap_timeout,
            options.total_timeout,
        ),
        options.insecure,
        options.ca,
        tells=bool(options.csv),
        loop=options.loop,
    )


def _end(
    options: Namespace, rate: Profile | None, concurrency: Profile | None
) -> tuple[float, int | None]:
    """The seconds and the number with which a run ends, of which one at least is bounded."""
    given = rate or concurrency
    assert given is not None
    if options.duration or options.count or given.seconds < inf:
        return options.duration or inf, options.count
    if rate:
        return OPEN_LOOP_SECONDS, None
    return inf, EACH * ceil(given.most)
