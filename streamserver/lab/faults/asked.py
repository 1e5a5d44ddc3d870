"""Faults as a client asks for them, in a query or in ``X-Lab-Fault``:

    fault=truncate@event:5        fault=stall@event:3:2.5        fault=rst@byte:?
    fault=unfinished:10           fault=length_over:100          fault=garbage@event:2-8:64
    fault=error@event:5           fault=error@event:5:openrouter

A fault's name, its place in the body for those that have one (without it, the end), and a value
for those that take one. A place is a number, a range of which one is chosen by the seed, or ``?``
for the range that there is by default. Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple

from streamserver.kit import units
from streamserver.kit.params import Parameter, duration, one_of, size, whole
from streamserver.lab.faults.breaks import HELD
from streamserver.lab.faults.inband import FORMS
from streamserver.lab.faults.places import END, UNITS, Place, Unit
from streamserver.wire.problem import HTTPError

MOST = 8
"""Faults of one stream."""
FARTHEST = 1_000_000_000
"""A place beyond which none can be asked for."""
ANY_BYTE = 1000
"""Bytes among which one is chosen for ``?``."""


class Kind(NamedTuple):
    """What a fault of some name may be given."""

    placed: bool
    value: Parameter[Any] | None = None
    needs_value: bool = False


_seconds = duration("fault {}:SECONDS", 0, HELD)
_bytes = size("fault {}:BYTES", 1, 65536)
_length = size("fault {}:BYTES", 0, FARTHEST)
_form = one_of("fault {}:FORM", *FORMS)

KINDS = {
    "truncate": Kind(True),
    "rst": Kind(True),
    "stall": Kind(True, _seconds),
    "garbage": Kind(True, _bytes),
    "bad_chunk": Kind(True),
    "error": Kind(True, _form),
    "unfinished": Kind(False, _seconds),
    "slow_close": Kind(False, _seconds),
    "length": Kind(False, _length, needs_value=True),
    "length_over": Kind(False, _bytes),
    "length_under": Kind(False, _bytes),
    "half_head": Kind(False, _bytes),
}

_NAME = one_of("fault", *KINDS)
_range = re.compile(r"([0-9]{1,10})-([0-9]{1,10})").fullmatch


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, with its place chosen."""

    name: str
    place: Place = END
    value: float | None = None
    form: str = ""
    """Of an error in band: the service that sends it so."""

    def __str__(self) -> str:
        place = f"@{self.place}" if KINDS[self.name].placed else ""
        value = "" if self.value is None else f":{self.value:.12g}"
        return f"{self.name}{place}{value}" + (f":{self.form}" if self.form else "")

    @property
    def is_end(self) -> bool:
        """Whether it is about the end of the response, or the head, and so alone of its sort."""
        return not KINDS[self.name].placed

    @property
    def breaks(self) -> bool:
        """Whether it breaks the response at its place."""
        return self.name in ("truncate", "rst", "bad_chunk")

    @property
    def needs_open_end(self) -> bool:
        """Whether it would be none, or another, in a body whose length is announced."""
        at_end = self.name in ("truncate", "rst") and self.place == END
        return at_end or self.name in ("garbage", "bad_chunk", "error", "unfinished")


def read_faults(texts: Sequence[str], seed: int, count: int = 10) -> list[Fault]:
    """The faults that these texts ask for, each text one or several with commas between them.

    ``count``: of the stream's events, among which ``?`` chooses. HTTPError 400 that names what is
    wrong and what is allowed.
    """
    asked = [one.strip() for text in texts for one in text.split(",")]
    if len(asked) > MOST:
        raise _refusal("fault", f"at most {MOST} of them", f"{len(asked)} of them")
    # Each draws by itself: the place of one does not depend on what the others are.
    return [_read(one, Random(f"{seed} {n}"), count) for n, one in enumerate(asked)]


def _read(text: str, random: Random, count: int) -> Fault:
    head, *values = text.split(":")
    name, at, unit = head.partition("@")
    kind = KINDS[_NAME.read(name)]
    place = END
    if at:
        if not kind.placed:
            raise _refusal(f"fault {name}", "given without a place, for it has none", f"@{unit}")
        place = _place(name, unit, values, random, count)
    if len(values) > (kind.value is not None):
        form = name + ("@UNIT:NUMBER" if kind.placed else "") + (":VALUE" if kind.value else "")
        raise _refusal(f"fault {name}", f"of the form {form}", text)
    if kind.value is None or not (values or kind.needs_value):
        return Fault(name, place)
    parameter = kind.value
    value = replace(parameter, name=parameter.name.format(name)).read("".join(values))
    return Fault(name, place, form=value) if kind.value is _form else Fault(name, place, value)


def _place(name: str, unit: str, values: list[str], random: Random, count: int) -> Place:
    known: Unit = next((one for one in UNITS if one == unit), "end")
    one_of(f"fault {name}@", *UNITS).read(unit)
    if known == "end":
        return END
    given = values.pop(0) if values else ""
    if given == "?":
        return Place(known, random.randrange(ANY_BYTE if known == "byte" else max(count, 1)))
    if (found := _range(given)) and int(found[1]) <= int(found[2]) <= FARTHEST:
        return Place(known, random.randint(int(found[1]), int(found[2])))
    parameter = (size if known == "byte" else whole)(f"fault {name}@{unit}:NUMBER", 0, FARTHEST)
    if units.size(given) is None:
        raise _refusal(parameter.name, f"{parameter.allowed}, a range such as 2-8, or ?", given)
    return Place(known, parameter.read(given))


def _refusal(name: str, allowed: str, given: str) -> HTTPError:
    told = f"{name} must be {allowed}, not {given[:40]!a}"
    return HTTPError(400, told, parameter=name, allowed=allowed)
