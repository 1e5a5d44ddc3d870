"""The description of a run: the request, its load over time, and its end.

It is sent to processes as JSON, over a pipe, since it may contain a secret key: arguments and
environments of processes are readable by others.
"""

import base64
import ssl
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from math import inf
from typing import Any

from streamserver.lab.client.client import Client
from streamserver.lab.client.connection import Timeouts
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.profile import Arrivals, Profile, Stage
from streamserver.proxy.origin import client_context

MAX_OPEN = 10_000


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one process: of everything numbered, every ``processes``-th from ``index``."""

    index: int = 0
    processes: int = 1

    def numbers(self) -> "count[int]":
        """Its numbers."""
        return count(self.index, self.processes)

    def part(self, whole: int) -> int:
        """How many of the numbers below ``whole`` it has."""
        return len(range(self.index, whole, self.processes))


@dataclass(frozen=True, slots=True)
class Job:
    """A run, without a clock or a socket. Either ``concurrency`` or ``rate`` is given."""

    request: RequestSpec
    concurrency: Profile | None = None
    """A closed loop: the number of concurrent exchanges."""
    rate: Profile | None = None
    """An open loop: exchanges that begin per second, whether or not earlier ones have ended."""
    arrivals: Arrivals = "constant"
    seed: int = 0
    duration: float = inf
    """Seconds after the warm-up in which exchanges may begin."""
    count: int | None = None
    """Exchanges that may begin in them."""
    warm_up: float = 0.0
    """Seconds before, at the first level of the profile, that are not measured."""
    grace: float = 30.0
    """Seconds for open exchanges to end after the last has begun."""
    max_open: int = MAX_OPEN
    """Concurrent exchanges of an open loop; further ones are counted as not sent."""
    fresh: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)
    insecure: bool = False
    """Whether any certificate is accepted."""
    authorities: str | None = None
    """A PEM file of trusted authorities, instead of the system's."""
    sends_records: bool = False
    """Whether processes report the record of every exchange, and not only the summary."""
    loop: str = "auto"
    """The name of the event loop."""

    def client(self) -> Client:
        """A client for the request; OSError for authorities that cannot be read."""
        tls = None
        if self.request.split_url().scheme == "https":
            tls = client_context(self.authorities)
            if self.insecure:
                tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        return Client(replace(self.request, seed=self.seed), self.timeouts, self.fresh, tls=tls)

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
        """The time in which exchanges may begin, the warm-up included; infinite without one."""
        return min(self.warm_up + self.duration, self.profile.seconds)

    def to_json(self) -> dict[str, Any]:
        """All members, for ``from_json``."""
        members = asdict(self)
        members["request"]["body"] = base64.b64encode(self.request.body).decode("ascii")
        return members

    @classmethod
    def from_json(cls, members: dict[str, Any]) -> "Job":
        """The job that ``to_json`` wrote."""
        request = dict(members["request"])
        request["fields"] = tuple((name, value) for name, value in request["fields"])
        request["body"] = base64.b64decode(request["body"])
        parsed = {
            "request": RequestSpec(**request),
            "concurrency": _profile(members["concurrency"]),
            "rate": _profile(members["rate"]),
            "timeouts": Timeouts(**members["timeouts"]),
        }
        return cls(**members | parsed)


def _profile(members: dict[str, Any] | None) -> Profile | None:
    return None if members is None else Profile(tuple(Stage(**one) for one in members["stages"]))
