"""What a cassette never holds: secrets, as far as their names tell (``names``).

In fields and targets a secret is replaced by ``REDACTED``:

- the value of a field of such a name, as Authorization, Cookie, Set-Cookie and X-Api-Key, in
  requests and responses, interim ones and trailers included;
- the value of a parameter of such a name, in the target's query and in every URL that another
  field holds (Location, Referer, Link);
- the name and password of a URL in a field.

In bodies a secret is overwritten by as many asterisks (``bodies``): members of JSON, fields of
forms and parameters of URLs. So Content-Length, the sizes of reads and the framing of events stay
true. The hash of a request's body is that of what is left: where all but a short password is known,
the hash of the whole body reveals the password.

A value that was redacted in the request, or set as a cookie by the response, may come back anywhere
in a body: an endpoint that echoes, a service that repeats the key it refuses. There it is
overwritten as well, however it is cut into reads, if it has ``LEAST`` bytes or more, since shorter
ones would be found by chance, and is among the ``MOST`` longest of its exchange.

Not redacted are secrets without such a name: in a path, in text, in JSON within a string of JSON,
in bodies that are compressed, in media and in other encodings than UTF-8.
"""

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import accumulate
from urllib.parse import unquote, unquote_plus

from streamserver.lab.cassettes.names import is_secret
from streamserver.wire.heads import Fields

REDACTED = "REDACTED"
LEAST = 8
MOST = 50

_parameter = re.compile(r"[?&;]([^=&;?#\s]+)=")
_end_in_target = re.compile(r"[&#]|\Z")
_end_in_text = re.compile(r"[&#\s\"'<>]|\Z")
_userinfo = re.compile(r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://)[^/?#@\s\"'<>]+@")
_words = re.compile(r"[^\s;,\"]+")


def redact_target(target: str) -> str:
    """A target without the secrets in its query; of one that is redacted, itself."""
    return _without(_values(target, _end_in_target), target)


def redact_fields(fields: Fields) -> Fields:
    """Fields without their secrets."""
    return [(name, REDACTED if is_secret(name) else _urls(value)) for name, value in fields]


def _urls(text: str) -> str:
    if "=" in text:
        text = _without(_values(text, _end_in_text), text)
    return _userinfo.sub(rf"\1{REDACTED}@", text) if "@" in text else text


def _values(text: str, end_of_value: re.Pattern[str]) -> list[tuple[int, int]]:
    """Where in a text the values of secret parameters stand."""
    found: list[tuple[int, int]] = []
    for name in _parameter.finditer(text):
        start = name.end()
        if is_secret(unquote(name[1])) and (not found or start > found[-1][1]):
            end = end_of_value.search(text, start)
            assert end is not None
            found.append((start, end.start()))
    return found


def _without(places: list[tuple[int, int]], text: str) -> str:
    kept, at = [], 0
    for start, end in places:
        kept.append(text[at:start])
        at = end
    return REDACTED.join([*kept, text[at:]])


def secrets_of(fields: Fields, target: str = "") -> set[bytes]:
    """What of these must not be in a body, in the ways in which it may be spelled there."""
    told = [part for name, value in fields if is_secret(name) for part in _parts(name, value)]
    for start, end in _values(target, _end_in_target):
        value = target[start:end]
        told += [value, unquote(value), unquote_plus(value)]
    return {
        part.encode("latin-1", "replace")
        for part in told
        if len(part) >= LEAST and part != REDACTED
    }


def spellings(values: Iterable[bytes]) -> set[bytes]:
    """Secrets of a body, in the ways in which they may be spelled in another."""
    told = set[str]()
    for value in values:
        text = value.decode("latin-1")
        told |= {text, unquote(text, "latin-1"), unquote_plus(text, "latin-1")}
        if "\\" in text:
            with suppress(ValueError):
                told.add(str(json.loads(f'"{text}"').encode().decode("latin-1")))
    told |= {escaped for text in told for escaped in _escaped(text)}
    return {part.encode("latin-1") for part in told if len(part) >= LEAST}


def _escaped(text: str) -> set[str]:
    """The bytes of a text in a string of JSON; characters beyond ASCII as they are, or escaped."""
    escaped = {json.dumps(text, ensure_ascii=False)[1:-1]}
    with suppress(ValueError):
        escaped.add(json.dumps(text.encode("latin-1").decode())[1:-1])
    return escaped


def _parts(name: str, value: str) -> list[str]:
    """The parts of a field's value that are secret: neither names of cookies nor of schemes."""
    if name == "cookie":
        return [pair.partition("=")[2].strip() for pair in value.split(";")]
    if name.startswith("set-cookie"):
        return [value.partition(";")[0].partition("=")[2].strip()]
    scheme, _, rest = value.partition(" ")
    return _words.findall(rest or scheme)


class Mask:
    """Overwrites secrets in a body that comes in pieces.

    What may be the beginning of one is held back, so ``feed`` gives pieces when it can tell.
    """

    __slots__ = ("_held", "_secrets")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._secrets: list[bytes] = []

    def add(self, secrets: set[bytes]) -> None:
        """Look for these too from now on."""
        # The longest first, since one may begin with another.
        self._secrets = sorted(secrets.union(self._secrets), key=len, reverse=True)[:MOST]

    def feed(self, pieces: Sequence[bytes], is_last: bool = False) -> list[bytes]:
        """The pieces that it can tell of, those held back before among them, each as long as it
        was; all of them with the last."""
        if not self._secrets:
            return list(pieces)
        pieces = self.clean([*self._held, *pieces])
        keep, size = len(pieces), 0
        while not is_last and keep and size < len(self._secrets[0]) - 1:
            keep -= 1
            size += len(pieces[keep])
        self._held = pieces[keep:]
        return pieces[:keep]

    def clean(self, pieces: list[bytes]) -> list[bytes]:
        """The pieces without the secrets that are whole in them."""
        whole = b"".join(pieces)
        found = [secret for secret in self._secrets if secret in whole]
        if not found:
            return pieces
        for secret in found:
            whole = whole.replace(secret, b"*" * len(secret))
        ends = accumulate(map(len, pieces))
        return [whole[end - len(piece) : end] for end, piece in zip(ends, pieces, strict=True)]
