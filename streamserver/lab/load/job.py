"""What a run is: what is asked, how often and for how long. It travels to other processes as JSON.

The key that a request may carry travels with it, over a pipe: arguments and environments of
processes can be read by others.
"""

import base64
import ssl
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from math import inf
from typing import Any

from streamserver.lab.client.client import Ask, Client
from streamserver.lab.client.timeouts import Timeouts
from streamserver.lab.load.arrivals import Arrivals
from streamserver.lab.load.profile import Profile, Stage
from streamserver.proxy.origin import client_context


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of the load is one process's: of what is numbered, every ``of``-th."""

    index: int = 0
    of: int = 1

    def numbers(self) -> "count[int]":
        """Its numbers."""
        return count(self.index, self.of)

    def part(self, whole: int) -> int:
        """How many of the numbers from 0 up to ``whole`` are its."""
        return max(0, -((self.index - whole) // self.of))


@dataclass(frozen=True, slots=True)
class Job:
    """A run, without a clock or a socket. Of ``concurrency`` and ``rate`` one is given."""

    ask: Ask
    concurrency: Profile | None = None
    """A closed loop: so many at once."""
    rate: Profile | None = None
    """An open loop: so many begin in a second, whatever becomes of them."""
    arrivals: Arrivals = "constant"
    seed: int = 0
    duration: float = inf
    """Seconds, from the end of the warm-up on, in which exchanges may begin."""
    count: int | None = None
    """Exchanges that may begin in them."""
    warm_up: float = 0.0
    """Seconds before, at the level with which the profile begins, that count nowhere."""
    grace: float = 30.0
    """Seconds that exchanges may still take when no more begin."""
    max_open: int = 10_000
    """Exchanges of an open loop that may be open; what would be beyond is counted as not sent."""
    fresh: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)
    insecure: bool = False
    """Whether any certificate will do."""
    authorities: str | None = None
    """A PEM file of those that are trusted, instead of the system's."""
    tells: bool = False
    """Whether the record of every exchange is told, and not only what they come to."""
    loop: str = "auto"
    """The name of the event loop."""

    def client(self) -> Client:
        """What asks; OSError for authorities that cannot be read."""
        tls = None
        if self.ask.parts().scheme == "https":
            tls = client_context(self.authorities)
            if self.insecure:
                tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        return Client(replace(self.ask, seed=self.seed), self.timeouts, self.fresh, tls=tls)

    @property
    def profile(self) -> Profile:
        """The rate or the concurrency over time, the warm-up included."""
        profile = self.rate or self.concurrency
        assert profile is not None
        if not self.warm_up:
            return profile
        begin = profile.stages[0].begin
        return Profile((Stage(begin, begin, self.warm_up), *profile.stages))

    @property
    def seconds(self) -> float:
        """How long exchanges may begin, the warm-up included; infinite if only a count ends it."""
        return min(self.warm_up + self.duration, self.profile.seconds)


def write_job(job: Job) -> dict[str, Any]:
    """A job as JSON takes it."""
    told = asdict(job)
    told["ask"]["body"] = base64.b64encode(job.ask.body).decode("ascii")
    return told


def read_job(told: dict[str, Any]) -> Job:
    """What ``write_job`` told, once it has been through JSON."""
    ask = told["ask"]
    fields = tuple((name, value) for name, value in ask["fields"])
    asked = Ask(**{**ask, "fields": fields, "body": base64.b64decode(ask["body"])})
    profiles = {name: _profile(told[name]) for name in ("concurrency", "rate")}
    return Job(**{**told, "ask": asked, **profiles, "timeouts": Timeouts(**told["timeouts"])})


def _profile(told: dict[str, Any] | None) -> Profile | None:
    return None if told is None else Profile(tuple(Stage(**one) for one in told["stages"]))
