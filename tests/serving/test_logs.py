"""The log, as text and as JSON."""

import json
import logging
import sys

import pytest

from streamserver.serving.logs import JSONFormatter, TextFormatter


def record(message: str, *args: object, failed: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(failed), failed, None) if failed else None
    made = logging.LogRecord("streamserver", logging.ERROR, "", 0, message, args, exc_info)
    made.created = 1795366265.25
    return made


def test_text() -> None:
    line = TextFormatter().format(record("it was %s", "good"))
    assert line == "2026-11-22T16:51:05.250Z ERROR streamserver: it was good"


def test_json() -> None:
    assert json.loads(JSONFormatter().format(record("it was %s", "good"))) == {
        "time": "2026-11-22T16:51:05.250Z",
        "level": "error",
        "logger": "streamserver",
        "message": "it was good",
    }


def test_a_traceback() -> None:
    failed = record("oh", failed=ValueError("why"))
    assert TextFormatter().format(failed).endswith("ERROR streamserver: oh\n    ValueError: why")
    assert json.loads(JSONFormatter().format(failed))["traceback"] == "ValueError: why"


@pytest.mark.parametrize("formatter", [TextFormatter(), JSONFormatter()])
def test_nothing_can_be_forged(formatter: logging.Formatter) -> None:
    forged = "\r\n2026-11-22T16:51:06.000Z INFO streamserver: forged"
    evil = f"\x1b[2J{forged}\x9b\u2028\u202e\u200b\u3164\udc80"
    first, *others = formatter.format(record(evil, failed=ValueError(evil))).split("\n")
    assert first.startswith(("2026-11-22T16:51:05.250Z ERROR", "{"))
    assert all(line.startswith("    ") for line in others)
    assert all(line.isprintable() for line in (first, *others))


def test_a_real_traceback_stays_readable() -> None:
    try:
        int("x")
    except ValueError:
        failed = logging.LogRecord("s", logging.ERROR, "", 0, "oh", (), sys.exc_info())
    assert f'\n      File "{__file__}", line ' in TextFormatter().format(failed)
