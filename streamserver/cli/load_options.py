"""The load of `bench`: its options, and the job that they describe."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from math import ceil, inf

from streamserver.cli.loops import HELP, NAMES
from streamserver.cli.options import Option, duration
from streamserver.cli.timeouts import timeout_options
from streamserver.cli.values import one_of, switch, whole
from streamserver.lab.client.connection import Timeouts
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import ARRIVALS, MAX_OPEN, Job, Profile, parse
from streamserver.lab.load.trace import DAYS, LONGEST, Trace, open_trace

MOST_CONCURRENT = 100_000
EACH = 10
"""Exchanges per concurrent one, without --count and --duration."""
OPEN_LOOP_SECONDS = 10.0
"""The duration of an open loop without either."""
ONE = parse("1")


def _profile(value: str) -> Profile:
    try:
        return parse(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _concurrency(value: str) -> Profile:
    found = _profile(value)
    if not 1 <= found.most <= MOST_CONCURRENT:
        raise ArgumentTypeError(f"{value!r} must reach a level from 1 to {MOST_CONCURRENT}")
    return found


def _trace(value: str) -> Trace:
    try:
        return open_trace(value)
    except OSError as error:
        raise ArgumentTypeError(f"{value}: {error.strerror}") from error
    except ValueError as error:
        raise ArgumentTypeError(f"{value}: {error}") from error


def _speed(value: str) -> float:
    if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", value) and 0.01 <= float(value) <= 1000:
        return float(value)
    raise ArgumentTypeError(f"{value!r} is not a number from 0.01 to 1000")


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
    Option(
        "trace",
        None,
        _trace,
        "FILE",
        "open loop: exchanges begin when those of a recorded load did; the file has a line for each"
        " arrival, in seconds, as in the Mooncake traces or as in the Azure traces",
        shown="",
    ),
    Option("trace-speed", 1.0, _speed, "N", "factor on the speed of --trace", "1"),
    Option("seed", 0, whole(0, 2**53), "N", "seed of the arrivals and UUIDs"),
    Option(
        "count",
        None,
        whole(1, 10**9),
        "N",
        "number of exchanges, or of conversations of several turns",
        f"{EACH} per concurrent one; an open loop ends after {OPEN_LOOP_SECONDS:g} s",
        letter="n",
    ),
    Option(
        "duration",
        None,
        duration("duration", 0, "").read,
        "DURATION",
        "time in which exchanges begin",
        "until --count or the end of the profile",
    ),
    Option(
        "warm-up",
        None,
        duration("warm-up", 0, "", zero=True).read,
        "DURATION",
        "time at the beginning that is not measured",
        "0s; with --sweep 2s",
    ),
    duration("grace", 30.0, "time for open exchanges to end after the last has begun", zero=True),
    Option(
        "max-open",
        MAX_OPEN,
        whole(1, MOST_CONCURRENT),
        "N",
        "concurrent exchanges of an open loop; others are counted as not sent",
    ),
    Option("fresh", False, switch, "", "open a new connection for each exchange", "off"),
)
TIMEOUTS = timeout_options(*[getattr(Timeouts(), name) for name in Timeouts.__slots__])
PROCESSES = (
    Option("processes", 1, whole(1, 256), "N", "number of processes that share the load"),
    Option("loop", "auto", one_of(*NAMES), "NAME", HELP),
)


def check(options: Namespace, parser: ArgumentParser) -> None:
    """Exit with wrong usage for options that exclude each other."""
    if options.rate and options.concurrency:
        parser.error("--concurrency is a closed loop and --rate an open one: give one of them")
    if options.trace:
        for name in ("rate", "concurrency", "sweep", "compare"):
            if getattr(options, name):
                parser.error(f"--trace and --{name} exclude each other: each is the load")
        if options.arrivals != ARRIVALS[0]:
            parser.error("--arrivals cannot be combined with --trace, which has its own")
        if options.trace.seconds / options.trace_speed > LONGEST:
            parser.error(f"--trace-speed: the trace would last more than {DAYS} days")
    elif options.trace_speed != 1:
        parser.error("--trace-speed needs --trace")
    is_closed = not (options.rate or options.trace or options.sweep)
    if not is_closed and options.max_open < options.processes:
        parser.error("--max-open must be at least --processes: each needs an exchange")
    if is_closed and options.processes > (options.concurrency or ONE).most:
        parser.error("--processes must be at most --concurrency: each needs an exchange")


def make_job(options: Namespace, request: RequestSpec) -> Job:
    """The job of the options."""
    rate, trace = options.rate, options.trace and options.trace.faster(options.trace_speed)
    profile = rate or options.concurrency or ONE
    seconds, count = options.duration or inf, options.count
    if seconds == inf and not count and profile.seconds == inf and trace is None:
        seconds, count = (OPEN_LOOP_SECONDS, None) if rate else (inf, EACH * ceil(profile.most))
    return Job(
        request,
        concurrency=None if rate or trace else profile,
        rate=rate,
        trace=trace,
        arrivals=options.arrivals,
        seed=options.seed,
        duration=seconds,
        count=count,
        warm_up=options.warm_up or 0.0,
        grace=options.grace,
        think_time=options.think_time,
        max_open=options.max_open,
        fresh=options.fresh,
        timeouts=Timeouts(*[getattr(options, f"{name}_timeout") for name in Timeouts.__slots__]),
        insecure=options.insecure,
        authorities=options.ca,
        sends_records=bool(options.csv),
        loop=options.loop,
        limits=tuple(options.goodput),
    )
