"""The client of a request, from what proxies have written: fields in, meaning."""

import pytest

from streamserver.wire.forwarded import SOURCES, Client, Source, TrustedPeers, peer_of
from streamserver.wire.heads import Fields
from support.forwarded import PEER, PROXY, by_elements, by_list, found

LISTS = {
    "203.0.113.7": "203.0.113.7",
    "203.0.113.7:8080": "203.0.113.7:8080",
    "2001:db8::1": "[2001:db8::1]",
    "[2001:db8::1]": "[2001:db8::1]",
    "[2001:DB8:0::1]:4711": "[2001:db8::1]:4711",
    "::ffff:203.0.113.7": "203.0.113.7",
    "::ffff:10.0.0.2": "10.0.0.2",
    " 203.0.113.7\t": "203.0.113.7",
    "6.6.6.6, 203.0.113.7": "203.0.113.7",
    "6.6.6.6, 203.0.113.7, 10.0.0.3,10.0.0.2": "203.0.113.7",
    "203.0.113.7,2001:db8:10::1": "203.0.113.7",
    "10.0.0.4, 10.0.0.3": "10.0.0.4",  # all are trusted: the leftmost
    # No address: the trusted peer that has written it, or failed to
    "": PROXY,
    ",": PROXY,
    "unknown": PROXY,
    "unix:": PROXY,
    "_hidden": PROXY,
    "6.6.6.6, , 10.0.0.2": "10.0.0.2",
    "6.6.6.6, unknown, 10.0.0.2": "10.0.0.2",
    "6.6.6.6, evil, 10.0.0.2": "10.0.0.2",
    "6.6.6.6 10.0.0.2": PROXY,
    '"203.0.113.7"': PROXY,
    "203.0.113.7:65536": PROXY,
    "203.0.113.7:": PROXY,
    "203.0.113.256": PROXY,
    "203.0.113.07": PROXY,
    "203.0.113": PROXY,
    "3405803783": PROXY,
    "fe80::1%eth0": PROXY,
    "fe80::1%\x1b[31m": PROXY,
    "[2001:db8::1": PROXY,
    "2001:db8:::1": PROXY,
    "\u0661.1.1.1": PROXY,
    "for=203.0.113.7": PROXY,
}


@pytest.mark.parametrize(("text", "client"), LISTS.items(), ids=ascii)
def test_x_forwarded_for(text: str, client: str) -> None:
    assert by_list(text) == client


ELEMENTS = {
    "for=203.0.113.7": "203.0.113.7",
    "FOR=203.0.113.7;Proto=https": "203.0.113.7",
    'for="203.0.113.7:8080"': "203.0.113.7:8080",
    'for="[2001:db8::1]:4711"': "[2001:db8::1]:4711",
    'for="[2001:db8::1]"': "[2001:db8::1]",
    'for="203.0.113.7:_hidden"': "203.0.113.7",
    "by=203.0.113.60;for=203.0.113.7;proto=http": "203.0.113.7",
    "for=6.6.6.6, for=203.0.113.7": "203.0.113.7",
    'for=6.6.6.6,for=203.0.113.7 ,\tfor="10.0.0.2:99"': "203.0.113.7",
    "for=10.0.0.4, for=10.0.0.3": "10.0.0.4",
    r'for="203\.0.113.7"': "203.0.113.7",
    r'for=203.0.113.7;ext="a, for=6.6.6.6;x=\"\""': "203.0.113.7",
    'ext=", , ,";for=203.0.113.7': "203.0.113.7",
    # Common mistakes that are not ambiguous
    "for=203.0.113.7:8080": "203.0.113.7:8080",
    "for=[2001:db8::1]:4711": "[2001:db8::1]:4711",
    "for=203.0.113.7; proto=https ;": "203.0.113.7",
    # No address
    "": PROXY,
    "for=": PROXY,
    "for=unknown": PROXY,
    "for=_hidden": PROXY,
    'for="_hidden:_port"': PROXY,
    "proto=https": PROXY,
    "for=6.6.6.6, for=unknown, for=10.0.0.2": "10.0.0.2",
    "for=6.6.6.6, by=10.0.0.2": PROXY,
    # Malformed
    "for=203.0.113.7;for=6.6.6.6": PROXY,
    "for=203.0.113.7;FOR=203.0.113.7": PROXY,
    "203.0.113.7": PROXY,
    "for=203.0.113.7 proto=https": PROXY,
    "for =203.0.113.7": PROXY,
    "for= 203.0.113.7": PROXY,
    'for="203.0.113.7': PROXY,
    'for=203.0.113.7"': PROXY,
    'for="203.0.113.7"x': PROXY,
    "for='203.0.113.7'": PROXY,
    "for=6.6.6.6, for=203.0.113.7 x, for=10.0.0.2": "10.0.0.2",
    "for=6.6.6.6,, for=10.0.0.2": "10.0.0.2",
    # A string that the client has opened, and did not close
    'for=", for=203.0.113.7': "203.0.113.7",
    'for=", for="[2001:db8::1]"': "[2001:db8::1]",
    'for="\\, for="203.0.113.7"': "203.0.113.7",
    'for=6.6.6.6;x=", for=203.0.113.7;host="a:81"': "203.0.113.7",
}


@pytest.mark.parametrize(("text", "client"), ELEMENTS.items(), ids=ascii)
def test_forwarded(text: str, client: str) -> None:
    assert by_elements(text) == client


@pytest.mark.parametrize("source", SOURCES)
def test_the_fields_of_a_peer_that_is_not_trusted_do_not_count(source: Source) -> None:
    peer = Client("192.0.2.1", 5, "http", "a")
    fields = [
        *(("x-forwarded-for", "10.0.0.9"), ("x-forwarded-proto", "https")),
        *(("x-forwarded-host", "evil"), ("forwarded", "for=10.0.0.9;proto=https;host=evil")),
    ]
    assert found(source, *fields, peer=peer) is peer


BOTH = [("forwarded", "for=6.6.6.6;proto=https;host=f"), ("x-forwarded-for", "7.7.7.7")]


@pytest.mark.parametrize(
    ("source", "client"),
    [
        ("x-forwarded", Client("7.7.7.7", 0, "http", "origin.example")),
        ("forwarded", Client("6.6.6.6", 0, "https", "f")),
    ],
)
def test_only_one_kind_of_fields_is_read(source: Source, client: Client) -> None:
    assert found(source, *BOTH) == client
    others = [field for field in BOTH if (field[0] == "forwarded") != (source == "forwarded")]
    assert found(source, *others, ("x-real-ip", "8.8.8.8")) == PEER


@pytest.mark.parametrize(("name", "prefix"), [("x-forwarded-for", ""), ("forwarded", "for=")])
def test_several_fields_are_one_list(name: str, prefix: str) -> None:
    source: Source = "forwarded" if prefix else "x-forwarded"
    fields = [
        *((name, f"{prefix}6.6.6.6"), ("x", "y"), (name, f"{prefix}1.1.1.1, {prefix}10.0.0.3")),
        (name, f"{prefix}10.0.0.2"),
    ]
    assert str(found(source, *fields)) == "1.1.1.1"


# Scheme and host

C, P = "1.1.1.1", "10.0.0.2"

X_ORIGINS: dict[str, tuple[Fields, str]] = {
    "neither": ([("x-forwarded-for", C)], "http://origin.example"),
    "both": (
        [("x-forwarded-for", C), ("x-forwarded-proto", "HTTPS"), ("x-forwarded-host", "a:81")],
        "https://a:81",
    ),
    "without an address": (
        [("x-forwarded-proto", "https"), ("x-forwarded-host", "a")],
        "https://a",
    ),
    "as long as the addresses": (
        [
            ("x-forwarded-for", f"6.6.6.6, {C}, {P}"),
            ("x-forwarded-proto", "http, https, http"),
            ("x-forwarded-host", "evil.example, a, b"),
        ],
        "https://a",
    ),
    "set once": (
        [
            *(("x-forwarded-for", f"6.6.6.6, {C}, 10.0.0.3, {P}"), ("x-forwarded-proto", "https")),
            ("x-forwarded-host", "a"),
        ],
        "https://a",
    ),
    "fewer than proxies": (
        [("x-forwarded-for", f"{C}, 10.0.0.3, {P}"), ("x-forwarded-proto", "https, http")],
        "https://origin.example",
    ),
    "of a proxy that does not know the client": (
        [("x-forwarded-for", f"unknown, {P}"), ("x-forwarded-proto", "https, http")],
        "https://origin.example",
    ),
    "no scheme": (
        [("x-forwarded-for", C), ("x-forwarded-proto", "javascript")],
        "http://origin.example",
    ),
    "no host": (
        [("x-forwarded-for", C), ("x-forwarded-host", 'a"><script>')],
        "http://origin.example",
    ),
    "a host with a path": (
        [("x-forwarded-for", C), ("x-forwarded-host", "a/b")],
        "http://origin.example",
    ),
    "a host with a user": (
        [("x-forwarded-for", C), ("x-forwarded-host", "a@b")],
        "http://origin.example",
    ),
}


@pytest.mark.parametrize(("fields", "origin"), X_ORIGINS.values(), ids=X_ORIGINS)
def test_scheme_and_host_of_x_forwarded(fields: Fields, origin: str) -> None:
    client = found("x-forwarded", *fields)
    assert f"{client.scheme}://{client.host}" == origin


ORIGINS = {
    f"for={C}": "http://origin.example",
    f"for={C};proto=https;host=a": "https://a",
    f'for={C};PROTO="https";host="a:81"': "https://a:81",
    f"for=6.6.6.6;proto=http;host=evil, for={C};proto=https;host=a, for={P};host=b": "https://a",
    f"for={C}, for={P};proto=https;host=b": "http://origin.example",
    f"for=_hidden;proto=https;host=a, for={P}": "https://a",
    f"for={C};proto=ftp;host=a/b": "http://origin.example",
    f"for={C};host=": "http://origin.example",
}


@pytest.mark.parametrize(("text", "origin"), ORIGINS.items(), ids=ORIGINS)
def test_scheme_and_host_of_forwarded(text: str, origin: str) -> None:
    """Those of the element that describes the client."""
    client = found("forwarded", ("forwarded", text))
    assert f"{client.scheme}://{client.host}" == origin


PEERS = {
    "192.0.2.1:80": ("192.0.2.1", 80),
    "[2001:db8::1]:80": ("2001:db8::1", 80),
    "[::ffff:192.0.2.1]:80": ("192.0.2.1", 80),
    "[fe80::1%eth0]:80": ("fe80::1%eth0", 80),
    "192.0.2.1": ("192.0.2.1", 0),
    "[2001:db8::1]": ("2001:db8::1", 0),
    "2001:db8::1": ("2001:db8::1", 0),
    "unix": ("unix", 0),
}


@pytest.mark.parametrize(("text", "peer"), PEERS.items(), ids=PEERS)
def test_the_peer_of_a_connection(text: str, peer: tuple[str, int]) -> None:
    assert peer_of(text) == peer


def test_other_fields_are_refused() -> None:
    with pytest.raises(
        ValueError, match="the fields are x-forwarded or forwarded, not 'x-real-ip'"
    ):
        TrustedPeers("::1", "x-real-ip")
