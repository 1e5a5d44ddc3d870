"""What the server writes about itself, as text or as JSON lines.

Standard error has the log. Standard output has the line with the URL of the server, and the access
log. In JSON every line of both is one object, from the first usage error to the traceback of an
uncaught exception, so a collector needs one parser. The app's own output and the output of a
crashing interpreter are not changed.

Text from a client may occur in a message or a traceback. Therefore neither form contains a control
character, and the lines of a message after the first are indented, so none can be forged.
"""

import logging
import sys
import threading
import time
from contextlib import suppress
from types import TracebackType

from streamserver.observe.accesslog import Clock
from streamserver.wire.json_text import to_ascii_json
from streamserver.wire.printable import printable

LEVELS = ("debug", "info", "warning", "error")

logger = logging.getLogger("streamserver")
_OURS = {"name": logger.name, "levelno": logging.ERROR, "levelname": "ERROR"}


def configure(form: str = "text", level: str = "info") -> None:
    """Send all logging to standard error in the form "text" or "json"; in JSON also warnings and
    uncaught exceptions."""
    handler = Handler()
    handler.setFormatter(JSONFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    if form == "json":
        logging.captureWarnings(True)
        sys.excepthook = _log_uncaught
        threading.excepthook = lambda failed: _log_uncaught(
            failed.exc_type, failed.exc_value, failed.exc_traceback
        )
        sys.unraisablehook = lambda failed: _log_uncaught(
            failed.exc_type, failed.exc_value, failed.exc_traceback
        )


def log_json_error(message: str) -> bool:
    """Log an error if the log is JSON; return whether it is."""
    handlers = [each for each in logging.root.handlers if isinstance(each, Handler)]
    if not handlers or not isinstance(handlers[0].formatter, JSONFormatter):
        return False
    # Not by the logger, which the app may have disabled.
    handlers[0].handle(logging.makeLogRecord({"msg": message, **_OURS}))
    return True


def listening_line(form: str, url: str) -> str:
    """The line on standard output that names the URL of the server."""
    message = f"listening on {url}"
    return json_line(message, url=url) if form == "json" else message


def json_line(message: str, **more: object) -> str:
    """A line for standard output, now."""
    return _json_line(Clock().stamp(time.time()), "info", logger.name, message, **more)


class Handler(logging.StreamHandler):  # type: ignore[type-arg]  # no [] at run time
    """Writes to standard error; a record that cannot be formatted is replaced by an error."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Log one line; the original method prints several."""
        error = sys.exc_info()[1]
        place = f"{record.pathname}:{record.lineno}"
        lost = {"msg": f"a log record of {place} was lost: {error!r}", **_OURS}
        with suppress(OSError, ValueError, AttributeError):  # standard error itself may fail
            self.stream.write(self.format(logging.makeLogRecord(lost)) + self.terminator)
            self.flush()


class TextFormatter(logging.Formatter):
    """`2026-11-22T16:51:05.123Z ERROR streamserver: what happened`, and a traceback below it."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")
        self._clock = Clock()

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The time of the record, in the format of the access log."""
        return self._clock.stamp(record.created)

    def format(self, record: logging.LogRecord) -> str:
        """One record, without a line feed at its end."""
        lines = super().format(record).split("\n")
        return "\n    ".join(map(printable, lines))


class JSONFormatter(logging.Formatter):
    """One object in one line: time, level, logger, message, and traceback if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._clock = Clock()

    def format(self, record: logging.LogRecord) -> str:
        """One record, without a line feed at its end."""
        more = {}
        if record.exc_info:
            more["traceback"] = self.formatException(record.exc_info)
        # `extra={"stack": ...}` is for JSON alone, where a message in one line has the stack too.
        if stack := getattr(record, "stack", record.stack_info):
            more["stack"] = stack
        stamp, message = self._clock.stamp(record.created), record.getMessage().rstrip("\n")
        return _json_line(stamp, record.levelname.lower(), record.name, message, **more)


def _json_line(stamp: str, level: str, name: str, message: str, **more: object) -> str:
    members = {"time": stamp, "level": level, "logger": name, "message": message, **more}
    return to_ascii_json(members)


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
) -> None:
    info = (kind, error if error is not None else kind(), traceback)
    logger.critical("an exception was not caught", exc_info=info)
