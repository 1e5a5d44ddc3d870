"""PROXY headers: bytes in, meaning."""

import struct

import pytest

from streamserver.wire.proxy_protocol import (
    MAX_PAYLOAD,
    SIGNATURE,
    ProxyHeader,
    read_proxy_header,
)

FOLLOWING = b"GET / HTTP/1.1\r\n\r\n"
IPV6 = bytes.fromhex("20010db8000000000000000000000007")
ADDRESSES_4 = bytes((192, 0, 2, 7)) + bytes((192, 0, 2, 1)) + struct.pack("!HH", 5000, 443)
ADDRESSES_6 = IPV6 + IPV6 + struct.pack("!HH", 5000, 443)
UNIX = b"/run/client".ljust(108, b"\0") + b"/run/server".ljust(108, b"\0")
TLV = b"\x01\x00\x02h2" + b"\x20\x00\x05\x01\x00\x00\x00\x00"
LONGEST = b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n"


def v2(command: int, family: int, payload: bytes, size: int | None = None) -> bytes:
    length = len(payload) if size is None else size
    return SIGNATURE + struct.pack("!BBH", command, family, length) + payload


HEADERS = [
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\n", "192.0.2.7:5000"),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"),
    (b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0"),
    (b"PROXY TCP6 2001:DB8::7 ::1 5000 443\r\n", "[2001:db8::7]:5000"),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 5000 443\r\n", "192.0.2.7:5000"),
    (b"PROXY UNKNOWN\r\n", ""),
    (b"PROXY UNKNOWN ffff:f::ffff ffff::f 65535 65535\r\n", ""),
    (LONGEST, ""),
    (v2(0x21, 0x11, ADDRESSES_4), "192.0.2.7:5000"),
    (v2(0x21, 0x11, ADDRESSES_4 + TLV), "192.0.2.7:5000"),
    (v2(0x21, 0x21, ADDRESSES_6), "[2001:db8::7]:5000"),
    (v2(0x21, 0x31, UNIX), "unix"),
    (v2(0x21, 0x00, b""), ""),
    (v2(0x21, 0x00, TLV), ""),
    (v2(0x21, 0x10, ADDRESSES_4), ""),
    (v2(0x20, 0x00, b""), ""),
    (v2(0x20, 0x11, ADDRESSES_4), ""),
    (v2(0x20, 0xFF, b"anything"), ""),
    (v2(0x21, 0x11, ADDRESSES_4.ljust(MAX_PAYLOAD, b"\0")), "192.0.2.7:5000"),
]


@pytest.mark.parametrize(("header", "client"), HEADERS)
def test_a_header_is_read_whole_and_byte_by_byte(header: bytes, client: str) -> None:
    expected = ProxyHeader(client, len(header))
    assert read_proxy_header(header) == read_proxy_header(header + FOLLOWING) == expected
    for end in range(len(header)):
        assert read_proxy_header(header[:end]) is None


REFUSED = [
    (b"G", "does not begin"),
    (b"PROXX", "does not begin"),
    (b"PROXY\r\n", "does not begin"),
    (b"proxy TCP4", "does not begin"),
    (SIGNATURE[:5] + b"\n", "does not begin"),
    (b"\x16\x03\x01", "does not begin"),
    (LONGEST[:-2] + b"f\r\n", "longer than 107"),
    (b"PROXY " + b"x" * 101, "longer than 107"),
    (b"PROXY TCP4\r\n", "not PROXY UNKNOWN"),
    (b"PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n", "not PROXY UNKNOWN"),
    (b"PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "not PROXY UNKNOWN"),
    (b"PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n", "not PROXY UNKNOWN"),
    (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", "not PROXY UNKNOWN"),
    (b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "not PROXY UNKNOWN"),
    (b"PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n", "no IPv4 address"),
    (b"PROXY TCP4 1.2.3.04 1.2.3.4 1 1\r\n", "no IPv4 address"),
    (b"PROXY TCP4 1.2.3.4 host 1 1\r\n", "no IPv4 address"),
    (b"PROXY TCP4 ::1 ::1 1 1\r\n", "no IPv4 address"),
    (b"PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n", "no IPv6 address"),
    (b"PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n", "no IPv6 address"),
    (b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", "no number"),
    (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 -1\r\n", "no number"),
    (b"PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", "no number"),
    (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 999999999999\r\n", "no number"),
    (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n\r\n", "no number"),
    ("PROXY TCP4 1.2.3.4 1.2.3.4 1 \u0663\r\n".encode(), "not ASCII"),
    (v2(0x11, 0x11, ADDRESSES_4), "version and command are 0x11"),
    (v2(0x22, 0x11, ADDRESSES_4), "version and command are 0x22"),
    (v2(0x21, 0x12, ADDRESSES_4), "none of streams"),
    (v2(0x21, 0x41, ADDRESSES_4), "none of streams"),
    (v2(0x21, 0x11, ADDRESSES_4[:-1]), "too few"),
    (v2(0x21, 0x21, ADDRESSES_6[:-1]), "too few"),
    (v2(0x21, 0x31, UNIX[:-1]), "too few"),
    (v2(0x21, 0x11, b"", size=MAX_PAYLOAD + 1), "at most 4096"),
    (v2(0x20, 0x00, b"", size=0xFFFF), "at most 4096"),
]


@pytest.mark.parametrize(("data", "reason"), REFUSED)
def test_a_malformed_header_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_proxy_header(data)
