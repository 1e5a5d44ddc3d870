"""The limits of resumable answers, each with its default and its reason."""

from dataclasses import dataclass, fields

from streamserver.wire.problem import HTTPError


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, numbers and bytes, all above 0; ValueError for any other.

    Beyond ``answers`` and ``total`` a request is refused with 503, before the upstream is asked;
    beyond ``body`` with 413. An answer that outgrows ``events``, ``bytes`` or ``total`` is
    cancelled, and its log ends with an error event. In Redis ``answers`` and ``total`` are those of
    all processes together.
    """

    window: float = 60.0
    """How long an answer may have no reader before it is cancelled. It covers a reload and a
    change of networks, and limits the cost of an answer that has lost its reader for good."""

    keep: float = 600.0
    """How long an answer can be read after its end."""

    answers: int = 1000
    """Answers that are held, running or kept."""

    events: int = 100_000
    """Events of an answer. A model's longest answers have as many tokens, an event each."""

    bytes: int = 32 * 1024 * 1024
    """Bytes of an answer's events: those of the longest answers have 250 each."""

    total: int = 256 * 1024 * 1024
    """Bytes of memory for the events of all answers; for Redis, of the events alone."""

    body: int = 8 * 1024 * 1024
    """A request's body, which is read before the upstream is asked: prompts may have images."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ValueError(f"{_ARGUMENTS[field.name]} must be more than 0, not {value!r}")


_ARGUMENTS = {
    "window": "resume_window",
    "keep": "resume_keep",
    "answers": "max_answers",
    "events": "max_events",
    "bytes": "max_bytes",
    "total": "max_total",
    "body": "max_body",
}


def no_room(held: int | str, size: int | str) -> HTTPError:
    """The error of a store that holds so many answers, with so many bytes."""
    detail = f"{held} answers with {size} bytes are held: try again later"
    return HTTPError(503, detail, headers={"Retry-After": "5"})


def too_large(total: int) -> HTTPError:
    """The error of an answer that exceeds the bytes of all."""
    return HTTPError(503, f"all answers together exceed {total} bytes")
