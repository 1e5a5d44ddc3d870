"""An interface of the model: how it reads a request, and how it writes an answer.

The schedule is the same for all. A writer divides an answer into frames, each of which belongs to
the opening, to a step of tokens, or to the ending; ``routes`` sends each when it is due. A writer
reads no clock.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias
from uuid import uuid4

from streamserver.lab.model.answer import Answer, Piece
from streamserver.lab.model.asked import Asked, Json
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import MEDIA_TYPE, Event, encode

OPENING, ENDING = -1, -2
"""The steps of the frames before the first token and after the last."""


class Frame(NamedTuple):
    """One event of a stream, or one line."""

    data: str
    """JSON, or a text such as ``[DONE]``."""
    event: str | None = None
    """The type of the event."""


Scheduled: TypeAlias = tuple[int, Frame]
"""The step at which a frame is due, and the frame."""


@dataclass(slots=True)
class Timing:
    """When an answer was due, in ns. All times are 0 until its first token is due."""

    head: int = 0
    """The time from the request to the head."""
    first: int = 0
    """The time from the head to the first token."""
    latest: int = 0
    """The time from the head to the latest token."""


class Writer(ABC):
    """Writes one answer in the form of an interface."""

    is_timed: ClassVar[bool] = False
    """Whether it reports times: then ``timing`` is kept, and each frame passes ``timed``."""

    def __init__(self, asked: Asked, answer: Answer) -> None:
        self.asked = asked
        self.answer = answer
        self.timing = Timing()

    @abstractmethod
    def whole(self) -> Json:
        """The answer as one object."""

    def opening(self) -> Iterable[Frame]:
        """The frames before the first token."""
        return ()

    @abstractmethod
    def token(self, piece: Piece) -> Iterable[Frame]:
        """The frames of a token, with those that begin and end its part."""

    @abstractmethod
    def ending(self) -> Iterable[Frame]:
        """The frames after the last token."""

    @abstractmethod
    def errors(self, service: str) -> Iterable[Frame]:
        """The frames with which a stream reports an error, as this service sends them; "": the
        service that defines the interface."""

    def timed(self, frame: Frame) -> Frame:
        """The frame with the times that it reports, when it is sent."""
        return frame

    def frames(self) -> Iterator[Scheduled]:
        """All frames of the stream, in order."""
        for frame in self.opening():
            yield OPENING, frame
        for step, piece in self.answer.pieces():
            for frame in self.token(piece):
                yield step, frame
        for frame in self.ending():
            yield ENDING, frame


@dataclass(frozen=True, slots=True)
class Interface:
    """A path of the model."""

    path: str
    read: Callable[[Mapping[str, object]], Asked]
    """The request in the members of a body; HTTPError 400 that names a wrong member."""
    writer: Callable[[Asked, Answer], Writer]
    error_object: Callable[[HTTPError], Json]
    """The body of a refusal."""
    media_type: str = MEDIA_TYPE
    """The media type of a stream: an event stream, or lines of JSON."""
    services: tuple[str, ...] = ()
    """Services whose errors in band have a form of their own."""
    query: tuple[str, ...] = ()
    """Parameters of the query that clients send, without effect on this model."""
    request_id: str = ""
    """The field of a response with the id of the request; "" for none."""

    def encode(self, frame: Frame) -> bytes:
        """A frame as it is sent."""
        if self.media_type == MEDIA_TYPE:
            return encode(Event(frame.data, frame.event))
        return f"{frame.data}\n".encode()


class Template:
    """The JSON of objects that differ in one string. All but the string is encoded once."""

    HOLE = uuid4().hex
    """Stands for the string in the object that is given; random, since the object may have strings
    of a client."""

    __slots__ = ("_after", "_before")

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._before, _, self._after = to_json(value).partition(to_json(self.HOLE))

    def fill(self, text: str) -> str:
        """The JSON with this string."""
        return f"{self._before}{to_json(text)}{self._after}"
