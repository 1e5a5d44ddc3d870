"""What happened in each second of a run."""

from dataclasses import astuple, dataclass, field

from streamserver.lab.client.record import Record

SECOND = 1_000_000_000


@dataclass(slots=True)
class Second:
    """Of the exchanges that ended, and of the events that came, within one second."""

    ended: int = 0
    errors: int = 0
    events: int = 0
    first_byte: int = 0
    """The sum over those that ended and had one, and how many these are; ns."""
    measured: int = 0
    slowest: int = 0
    """The latest first byte, in ns."""

    def add(self, other: "Second") -> None:
        """Count what another process had in the same second."""
        self.ended += other.ended
        self.errors += other.errors
        self.events += other.events
        self.first_byte += other.first_byte
        self.measured += other.measured
        self.slowest = max(self.slowest, other.slowest)


@dataclass(slots=True)
class Timeline:
    """Seconds by their number on the monotonic clock, which all processes of a machine share."""

    seconds: dict[int, Second] = field(default_factory=dict)

    def add(self, record: Record, ended: int) -> None:
        """Count one exchange, which ended at a moment of ``time.monotonic_ns``."""
        one = self._at(ended)
        one.ended += 1
        one.errors += record.is_error
        if record.first_byte:
            took = record.first_byte - record.planned
            one.first_byte += took
            one.measured += 1
            one.slowest = max(one.slowest, took)

    def came(self, moment: int, events: int) -> None:
        """Count events that came at a moment."""
        self._at(moment).events += events

    def merge(self, other: "Timeline") -> None:
        """Take in another process's."""
        for number, second in other.seconds.items():
            self.seconds.setdefault(number, Second()).add(second)

    def to_json(self) -> dict[str, list[int]]:
        """Six numbers for each second, for ``from_json``."""
        return {str(number): list(astuple(one)) for number, one in self.seconds.items()}

    @classmethod
    def from_json(cls, told: dict[str, list[int]]) -> "Timeline":
        """What ``to_json`` told."""
        return cls({int(number): Second(*figures) for number, figures in told.items()})

    def _at(self, moment: int) -> Second:
        number = moment // SECOND
        second = self.seconds.get(number)
        if second is None:
            second = self.seconds[number] = Second()
        return second
