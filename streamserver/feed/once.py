"""Idempotency keys: a publish that is repeated with the same key adds no second event.

A publisher that gets no answer cannot know whether its event was added. With a key it can repeat
the call: the topic remembers which event each of its newest ``KEYS`` keys has added, and returns
the id of that event. As in draft-ietf-httpapi-idempotency-key-header, a key comes with a
fingerprint of what it was used for, so that its use for something else is an error.
"""

from hashlib import blake2b
from typing import NamedTuple

from streamserver.wire.problem import HTTPError

KEYS = 10_000
"""Keys that a topic remembers; the oldest are forgotten first."""

KEPT = 24 * 3600.0
"""Seconds from the last publish with a key until Redis forgets the keys of a topic; where the topic
has a ``ttl``, that is used instead."""


class Once(NamedTuple):
    """A key and a fingerprint, both as digests: what a client sends may have any length."""

    key: str
    fingerprint: str

    def check(self, fingerprint: str) -> None:
        """HTTPError 422 unless the key was used with this fingerprint."""
        if fingerprint != self.fingerprint:
            raise HTTPError(422, "the idempotency key was used for another event")


def once(key: str, *fingerprint: bytes) -> Once:
    """The digests of a key, and of what it is used for; ValueError for an empty key."""
    if not key:
        raise ValueError("an idempotency key has one character or more")
    return Once(_digest(key.encode(errors="surrogatepass")), _digest(*fingerprint))


def _digest(*parts: bytes) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(b"%d:%b" % (len(part), part))
    return digest.hexdigest()
