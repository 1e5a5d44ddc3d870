"""What the server says of itself: on standard error, as text or as JSON lines.

Standard output is for what a user asked for: the line that tells where the server listens,
and the access log. What comes from a client may turn up in a message or a traceback, so
neither form lets a control character through, and no line of text can be forged: whatever
follows the first line of a message is indented.
"""

import json
import logging

from streamserver.observe.accesslog import Clock

LEVELS = ("debug", "info", "warning", "error")


def configure(form: str, level: str) -> None:
    """Send all logging to standard error in the form "text" or "json"."""
    handler = logging.StreamHandler()
    handler.setFormatter(JSONFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper())


class TextFormatter(logging.Formatter):
    """`2026-11-22T16:51:05.123Z ERROR streamserver: what happened`, and a traceback below it."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")
        self._clock = Clock()

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The time of the record, as the access log has it."""
        return self._clock.stamp(record.created)

    def format(self, record: logging.LogRecord) -> str:
        """One record, without a line feed at its end."""
        lines = super().format(record).split("\n")
        return "\n    ".join(map(_printable, lines))


class JSONFormatter(logging.Formatter):
    """One object in one line: time, level, logger, message and, if there is one, traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._clock = Clock()

    def format(self, record: logging.LogRecord) -> str:
        """One record, without a line feed at its end."""
        told = {
            "time": self._clock.stamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told)


def _printable(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
