"""Which peers are trusted, by networks, addresses and the word for Unix sockets."""

import pytest

from streamserver.wire.forwarded import TrustedPeers

TRUSTED = [
    ("10.0.0.0/8", "10.255.0.1"),
    ("10.0.0.0/8", "::ffff:10.0.0.1"),
    ("192.0.2.1", "192.0.2.1"),
    ("192.0.2.1/32", "::ffff:192.0.2.1"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("::ffff:10.0.0.0/104", "10.2.3.4"),
    ("::1", "::1"),
    ("::1", "0:0::0:1"),
    ("2001:db8::/32", "2001:db8:ffff::1"),
    ("fe80::/10", "fe80::1%eth0"),
    ("0.0.0.0/0", "203.0.113.1"),
    ("unix", "unix"),
]


@pytest.mark.parametrize(("peer", "address"), TRUSTED)
def test_peers_that_are_trusted(peer: str, address: str) -> None:
    assert TrustedPeers(["198.51.100.0/24", peer]).trusts(address)


UNTRUSTED = [
    ("10.0.0.0/8", "11.0.0.1"),
    ("192.0.2.1", "192.0.2.2"),
    ("::1", "127.0.0.1"),
    ("::/0", "127.0.0.1"),
    ("0.0.0.0/0", "::1"),
    ("0.0.0.0/0", "unix"),
    ("unix", "127.0.0.1"),
    ("0.0.0.0/0", ""),
    ("0.0.0.0/0", "010.0.0.1"),
    ("0.0.0.0/0", "10.0.0.1 "),
    ("0.0.0.0/0", "localhost"),
    ("0.0.0.0/0", "2130706433"),
]


@pytest.mark.parametrize(("peer", "address"), UNTRUSTED)
def test_peers_that_are_not_trusted(peer: str, address: str) -> None:
    assert not TrustedPeers([peer]).trusts(address)


REFUSED = {
    "10.0.0.1/8": "write 10.0.0.0/8 for the network, or 10.0.0.1 for one address",
    "2001:db8::1/32": "write 2001:db8::/32 for the network, or 2001:db8::1 for one address",
    "10.0.0.0/33": "not a network or address, as in 10.0.0.0/8",
    "proxy.example": "not a network or address, as in 10.0.0.0/8",
    "": "not a network or address, as in 10.0.0.0/8",
    "*": "not a network or address, as in 10.0.0.0/8",
    "Unix": "not a network or address, as in 10.0.0.0/8",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=REFUSED)
def test_invalid_networks_are_errors(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrustedPeers([text])


def test_a_text_without_commas_is_one_peer() -> None:
    assert TrustedPeers("::1").trusts("::1")


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no trusted peer"):
        TrustedPeers([])


def test_the_answers_that_are_kept_are_bounded() -> None:
    trusted = TrustedPeers(["10.0.0.0/8"])
    for number in range(2000):
        trusted.trusts(f"10.0.{number // 256}.{number % 256}")
    assert trusted.trusts.cache_info().currsize == 1024  # type: ignore[attr-defined]  # of a cache
