"""Accept-Encoding, and which coding it selects (RFC 9110, section 12.5.3)."""

import subprocess
import sys

import pytest

from streamserver.wire.content_coding import (
    CODINGS,
    Coding,
    available_codings,
    negotiate,
    of_stream,
)
from support.growth import MOST, growth

SELECTED: list[tuple[str | None, Coding | None]] = [
    # no field, and an empty one: identity
    (None, None),
    ("", None),
    (" ", None),
    (",", None),
    # what clients send: Chromium, curl, httpx, node, aiohttp, wget
    ("gzip, deflate, br, zstd", "zstd"),
    ("deflate, gzip, br, zstd", "zstd"),
    ("gzip, deflate", "gzip"),
    ("gzip, deflate, br", "gzip"),
    ("identity", None),
    ("br", None),
    ("deflate", None),
    # the first of equals is the server's choice, not that of the list
    ("gzip, zstd", "zstd"),
    ("gzip;q=0.8, zstd;q=0.8", "zstd"),
    ("gzip;q=0.9, zstd;q=0.8", "gzip"),
    ("zstd;q=0.001, gzip;q=0.002", "gzip"),
    # case, whitespace, and the old name
    ("GZIP", "gzip"),
    ("x-gzip", "gzip"),
    ("X-Gzip;Q=0.5", "gzip"),
    ("\tgzip \t;\t q=0.5\t", "gzip"),
    ("gzip,zstd;q=0", "gzip"),
    # zero refuses, in all its forms
    ("gzip;q=0", None),
    ("gzip;q=0.0", None),
    ("gzip;q=0.000", None),
    ("gzip;q=0.", None),
    ("gzip;q=0, zstd;q=0", None),
    # the asterisk is each coding that is not named
    ("*", "zstd"),
    ("*;q=0", None),
    ("zstd;q=0, *", "gzip"),
    ("gzip;q=0.5, *;q=0.4", "gzip"),
    ("gzip, *;q=0", "gzip"),
    ("*;q=0.5, gzip;q=0.3", "zstd"),
    # identity is preferred where it has the higher quality; one that is not named has the lowest
    ("identity, gzip;q=0.5", None),
    ("identity;q=0.5, gzip", "gzip"),
    ("identity;q=0.5, gzip;q=0.5", "gzip"),
    ("gzip;q=0.001", "gzip"),
    ("identity;q=1, *;q=0", None),
    ("identity;q=0.6, *;q=0.5", None),
    # nothing is acceptable, so the field is disregarded
    ("identity;q=0", None),
    ("identity;q=0, br", None),
    ("identity;q=0, gzip;q=0, zstd;q=0", None),
    ("identity;q=0, *", "zstd"),
    # malformed members are ignored
    ("gzip;q=2", None),
    ("gzip;q=-1", None),
    ("gzip;q=1.001", None),
    ("gzip;q=0.0001", None),
    ("gzip;q=", None),
    ("gzip;q", None),
    ("gzip;level=9", None),
    ("gz ip", None),
    ("gzip zstd", None),
    (";q=1", None),
    ('"gzip"', None),
    ("gzip;q=\u0661", None),
    ("gzip;q=2, zstd;q=x, GZIP ;q=0.1", "gzip"),
    # of a coding that is named twice the first counts
    ("gzip;q=0, gzip", None),
    ("gzip, x-gzip;q=0", "gzip"),
]


@pytest.mark.parametrize(("field", "coding"), SELECTED)
def test_the_coding_that_is_selected(field: str | None, coding: Coding | None) -> None:
    assert next(iter(negotiate(field, CODINGS)), None) == coding


def test_a_coding_that_is_not_offered_is_not_selected() -> None:
    assert negotiate("zstd, gzip;q=0.1", ("gzip",)) == ("gzip",)
    assert negotiate("zstd", ("gzip",)) == ()
    assert negotiate("gzip, zstd", ()) == ()


@pytest.mark.parametrize(
    ("field", "codings", "of_a_stream"),
    [
        ("gzip, deflate, br, zstd", ("zstd", "gzip"), "gzip"),
        ("*;q=0.5", ("zstd", "gzip"), "gzip"),
        ("gzip;q=0.9, zstd", ("zstd",), "zstd"),
        ("gzip, zstd;q=0.9", ("gzip",), "gzip"),
    ],
)
def test_of_equals_a_stream_has_the_smaller_compressor(
    field: str, codings: tuple[Coding, ...], of_a_stream: Coding
) -> None:
    assert negotiate(field, CODINGS) == codings
    assert of_stream(codings) == of_a_stream


@pytest.mark.parametrize(
    "member",
    [
        pytest.param("gzip;q=0.5,", id="members"),
        pytest.param(",", id="empty members"),
        pytest.param(" ", id="spaces"),
        pytest.param("\t;", id="parameters"),
        pytest.param("gzip", id="one long name"),
        pytest.param("0", id="digits"),
    ],
)
def test_a_hostile_field_takes_linear_time(member: str) -> None:
    assert growth(lambda size: negotiate("gzip;q=0." + member * size, CODINGS), 20_000) < MOST


def test_both_codings_are_available_here() -> None:
    assert available_codings() == ("zstd", "gzip")


def test_without_the_library_of_zstd_gzip_remains() -> None:
    """Nothing is imported that is not used, either."""
    script = """
import sys
import streamserver
from streamserver.wire import coders, content_coding
assert not {"backports.zstd", "compression.zstd"} & set(sys.modules)
sys.modules["backports.zstd"] = sys.modules["compression.zstd"] = None
assert content_coding.available_codings() == ("gzip",)
assert coders.stream_coder("gzip").coding == "gzip"
try:
    coders.stream_coder("zstd").encode(b"x")
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("zstd needs Python 3.14 or the extra zstd\n", "")
