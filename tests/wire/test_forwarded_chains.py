"""Any chain of proxies behind any text of a client, and the limits of what is read."""

from collections.abc import Callable, Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.wire.forwarded import (
    MAX_ELEMENT,
    MAX_HOPS,
    SOURCES,
    Client,
    Source,
    TrustedPeers,
    read_node,
)
from streamserver.wire.heads import Fields
from support.forwarded import PROXY, TRUSTED, by_elements, by_list, found

CHARACTERS = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")
FORGED = st.text(CHARACTERS | st.sampled_from('",;=\\ for1.[]:10.0.0.2'), max_size=60)
CLIENTS = st.ip_addresses().filter(lambda address: not TrustedPeers(TRUSTED).trusts(str(address)))
PROXIES = st.lists(
    st.integers(2, 2**24 - 1).map(
        lambda number: f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    ),
    max_size=4,
)
# An element with more commas in its strings is not read.
EXTRA = FORGED.filter(lambda text: text.count(",") <= 8).map(
    lambda text: text.replace("\\", "\\\\").replace('"', '\\"')
)


def element(address: str, port: int, scheme: str, host: str, extra: str) -> str:
    node = f"[{address}]" if ":" in address else address
    return f'for="{node}:{port}";proto={scheme};host="{host}";extra="{extra}"'


@given(
    forged=st.lists(FORGED, max_size=3),
    client=CLIENTS,
    port=st.integers(1, 65535),
    proxies=PROXIES,
    scheme=st.sampled_from(["http", "https"]),
    extra=EXTRA,
    lines=st.booleans(),
)
def test_the_client_is_what_the_outermost_trusted_proxy_has_seen(
    forged: list[str],
    client: object,
    port: int,
    proxies: list[str],
    scheme: str,
    extra: str,
    lines: bool,
) -> None:
    """With any text of the client, and with proxies that append to a line or add one."""
    hops = [(str(client), port, scheme, "a.example:81")]
    hops += [(proxy, number, "http", "b") for number, proxy in zip(count(1), proxies, strict=False)]
    address = str(client)
    mapped = getattr(client, "ipv4_mapped", None)
    expected = Client(str(mapped or address), port, scheme, "a.example:81")

    def fields(name: str, write: Callable[[tuple[str, int, str, str]], str]) -> Fields:
        texts = [*forged, *map(write, hops)]
        if lines or not forged:
            return [(name, text) for text in texts]
        return [(name, ", ".join(texts))]

    elements = fields("forwarded", lambda hop: element(*hop, extra))
    assert found("forwarded", *elements) == expected
    lists = [
        *fields(
            "x-forwarded-for",
            lambda hop: f"[{hop[0]}]:{hop[1]}" if ":" in hop[0] else f"{hop[0]}:{hop[1]}",
        ),
        *fields("x-forwarded-proto", lambda hop: hop[2]),
        *fields("x-forwarded-host", lambda hop: hop[3]),
    ]
    assert found("x-forwarded", *lists) == expected


@given(texts=st.lists(FORGED, max_size=3), source=st.sampled_from(SOURCES))
def test_any_text_names_a_client(texts: Sequence[str], source: Source) -> None:
    names = ("forwarded",) if source == "forwarded" else ("x-forwarded-for", "x-forwarded-proto")
    client = found(source, *[(name, text) for text in texts for name in names])
    assert read_node(str(client)) == (client.address, client.port)
    assert (client.scheme in ("http", "https"), client.host) == (True, "origin.example")


# What is read is bounded


@pytest.mark.parametrize("source", SOURCES)
def test_the_number_of_elements_is_bounded(source: Source) -> None:
    prefix = "for=" if source == "forwarded" else ""
    name = "forwarded" if prefix else "x-forwarded-for"

    def client(behind: int) -> str:
        text = ",".join([f"{prefix}1.1.1.1", *[f"{prefix}10.0.0.{n}" for n in range(behind)]])
        return str(found(source, (name, text)))

    assert client(MAX_HOPS - 1) == "1.1.1.1"
    assert client(MAX_HOPS) == "10.0.0.0"


def test_the_length_of_an_element_is_bounded() -> None:
    def client(length: int) -> str:
        text = "for=1.1.1.1;x="
        return by_elements(text + "y" * (length - len(text)))

    assert client(MAX_ELEMENT - 1) == "1.1.1.1"
    assert client(MAX_ELEMENT + 1) == PROXY


COSTLY = [
    *(
        "," * 64_000,
        "for=10.0.0.2," * 5_000,
        '"' * 64_000,
        '",' * 32_000,
        ";" * 64_000,
        " " * 64_000,
    ),
    *('for="' + "\\," * 30_000, "a=b;" * 16_000, 'for="' * 12_000, "1" * 64_000, "[" * 64_000),
]


@pytest.mark.parametrize("text", COSTLY, ids=[text[:8] for text in COSTLY])
def test_what_is_read_does_not_grow_with_the_text(text: str) -> None:
    """The same text twice as long has the same meaning, and no more of it is read."""
    for meaning in (by_list, by_elements):
        assert meaning(text) == meaning(text * 2)
