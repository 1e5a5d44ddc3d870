"""Which names are names of secrets: of fields, parameters, JSON members and form fields."""

import re

WORDS = (
    *("auth", "authentication", "authorization", "cookie", "cookie2", "credential", "credentials"),
    *("apikey", "jwt", "key", "passphrase", "passwd", "password", "passwords", "pwd", "secret"),
    *("secrets", "sid", "sig", "jsessionid", "phpsessid", "session", "sessionid", "signature"),
    *("token", "accesskey", "accesstoken", "authtoken", "clientsecret", "idtoken", "privatekey"),
    *("refreshtoken", "secretkey", "sessiontoken"),
)
"""A name that contains one of these words names a secret. Dashes, underscores, dots, brackets and
changes of case separate words: ``x-api-key``, ``access_token``, ``X-Amz-Signature``."""

METADATA = (
    *("count", "delay", "expires", "expires_at", "expires_in", "length", "limit", "type"),
    "usage",
)
"""A name that ends in one of these holds data about a secret or about tokens, and no secret:
``token_type``, ``promptTokenCount``, ``first_token_delay``."""

CONTAINERS = (
    *("auth", "authentication", "authorization", "cookie", "credential", "credentials"),
    *("passwords", "secret", "secrets"),
)
"""An object whose name ends in one of these contains only secrets."""

HINTS = tuple(b"auth cookie credential jwt key pass pwd secret session sid sig token \\u".split())
"""JSON with the name of a secret contains one of these, if only the escape of a letter."""


def _any_of(words: tuple[str, ...]) -> str:
    return "|".join(words).replace("_", "[-_]")


_contains_word = re.compile(rf"(?i)(?:^|[^a-z0-9])(?:{_any_of(WORDS)})(?![a-z0-9])").search
_is_metadata = re.compile(rf"(?i)[^a-z0-9](?:{_any_of(METADATA)})\Z").search
_is_container = re.compile(rf"(?i)(?:^|[^a-z0-9])(?:{_any_of(CONTAINERS)})\Z").search
_camel = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def is_secret(name: str) -> bool:
    """Whether a value of this name is a secret."""
    words = _camel.sub("-", name)
    return _contains_word(words) is not None and not _is_metadata(words)


def is_secret_container(name: str) -> bool:
    """Whether all members of an object of this name are secrets, independent of their names."""
    return _is_container(_camel.sub("-", name)) is not None


def may_name_secret(text: bytes) -> bool:
    """Whether JSON may contain the name of a secret; False is certain."""
    lower = text.lower()
    for hint in HINTS:  # noqa: SIM110 - any() is slower, and each recorded event needs this
        if hint in lower:
            return True
    return False
