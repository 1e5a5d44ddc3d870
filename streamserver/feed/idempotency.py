"""Idempotency keys: a publish that is repeated with the same key adds no second event.

A publisher that gets no answer cannot know whether its event was added. With a key it can repeat
the call: a topic remembers the events of its newest ``KEYS`` keys, and the repetition returns the
id of the first one. As in draft-ietf-httpapi-idempotency-key-header, a key is stored with a
fingerprint of its use, so that a different use of the same key is an error.
"""

from hashlib import blake2b
from typing import NamedTuple

from streamserver.wire.problem import HTTPError

KEYS = 10_000
"""Keys that a topic remembers; the oldest are forgotten first."""

TTL = 24 * 3600.0
"""Seconds from the last publish with a key until Redis drops the keys of a topic, unless the topic
has a ``ttl`` of its own."""


class IdempotencyKey(NamedTuple):
    """A key and its fingerprint as digests, since a client may send any length."""

    key: str
    fingerprint: str

    def check(self, fingerprint: str) -> None:
        """HTTPError 422 unless the key was used with this fingerprint."""
        if fingerprint != self.fingerprint:
            raise HTTPError(422, "the idempotency key was used for something else")


def make_key(key: str, *fingerprint: bytes) -> IdempotencyKey:
    """The digests of a key and of the parts of its fingerprint; ValueError for an empty key."""
    if not key:
        raise ValueError("an idempotency key has one character or more")
    return IdempotencyKey(digest(key.encode(errors="surrogatepass")), digest(*fingerprint))


def digest(*parts: bytes) -> str:
    """A digest of parts, none of which can pass for two others."""
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(b"%d:%b" % (len(part), part))
    return digest.hexdigest()
