"""Timers of servers and hops that end a stream, with their defaults, from the products' documents.

An idle timer restarts with each byte, so that heartbeats keep it from firing. A timer of the whole
response does not.
"""

from collections.abc import Sequence
from typing import NamedTuple

SHARE = 0.005
"""Of a time, by which a timer may fire late, beside ``LATENESS``."""
LATENESS = 0.15
ROUND = 5
"""Seconds that divide a round time of 10 s and more; below, each whole second is round."""


class Timer(NamedTuple):
    """A default of a product."""

    seconds: float
    is_idle: bool
    """Whether each byte restarts it."""
    name: str


TIMERS = (
    Timer(15, False, "Envoy route timeout"),
    Timer(29, False, "AWS API Gateway integration timeout"),
    Timer(30, False, "GCP timeoutSec of a backend service"),
    Timer(30, True, "CloudFront origin response timeout"),
    Timer(30, False, "gunicorn --timeout of a sync worker"),
    Timer(50, True, "timeout server in HAProxy's packaged configuration"),
    Timer(55, True, "Heroku router"),
    Timer(60, True, "nginx proxy_read_timeout"),
    Timer(60, True, "AWS ALB idle_timeout.timeout_seconds"),
    Timer(60, True, "Apache ProxyTimeout or Timeout"),
    Timer(60, True, "ingress-nginx proxy-read-timeout"),
    Timer(100, True, "Cloudflare Proxy Read Timeout as it was"),
    Timer(120, True, "Cloudflare Proxy Read Timeout"),
    Timer(230, True, "Azure App Service and Functions"),
    Timer(240, True, "Azure Load Balancer idle timeout"),
    Timer(300, True, "Envoy stream_idle_timeout"),
    Timer(350, True, "AWS NLB tcp.idle_timeout.seconds"),
)


def is_round(value: float, early: float = 0.0, late: float = 0.0) -> bool:
    """Whether a timer probably fired after ``value`` seconds, which may be too short by ``early``
    and too long by ``late``."""
    nearest = round_of(value)
    error = value - nearest
    return nearest > 0 and -0.02 - early <= error <= LATENESS + SHARE * value + late


def round_of(value: float) -> float:
    """The round number of seconds that is nearest: that of a known timer, or of a habit."""
    habits = round(value) if value < 10 else ROUND * round(value / ROUND)
    known = [one.seconds for one in TIMERS]
    return min([*known, float(habits)], key=lambda one: abs(one - value))


def products(value: float, is_idle: bool) -> Sequence[str]:
    """The names of the timers whose default this is."""
    nearest = round_of(value)
    return [one.name for one in TIMERS if one.seconds == nearest and one.is_idle == is_idle]
