"""Which names are those of secrets: of fields, parameters, members of JSON and fields of forms."""

import re

WORDS = (
    *("auth", "authentication", "authorization", "cookie", "cookie2", "credential", "credentials"),
    *("apikey", "jwt", "key", "passphrase", "passwd", "password", "passwords", "pwd", "secret"),
    *("secrets", "sid", "sig", "jsessionid", "phpsessid", "session", "sessionid", "signature"),
    *("token", "accesskey", "accesstoken", "authtoken", "clientsecret", "idtoken", "privatekey"),
    *("refreshtoken", "secretkey", "sessiontoken"),
)
"""What names a secret, between dashes, underscores, dots, brackets or changes of case:
``x-api-key``, ``access_token``, ``accessToken``, ``X-Amz-Signature``."""

OF_NO_SECRET = ("count", "expires", "expires_at", "expires_in", "length", "limit", "type", "usage")
"""What ends names that tell something about a secret, or about tokens: ``token_type``,
``promptTokenCount``."""

THROUGHOUT = (
    *("auth", "authentication", "authorization", "cookie", "credential", "credentials"),
    *("passwords", "secret", "secrets"),
)
"""What names objects that hold nothing but secrets."""


HINTS = tuple(b"auth cookie credential jwt key pass pwd secret session sid sig token \\u".split())
"""One of them is in any JSON that names a secret, as it is or with a letter escaped."""


def _ending_in(words: tuple[str, ...]) -> str:
    return "|".join(word.replace("_", "[-_]") for word in words)


_named = re.compile(rf"(?i)(?:^|[^a-z0-9])(?:{'|'.join(WORDS)})(?![a-z0-9])").search
_harmless = re.compile(rf"(?i)[^a-z0-9](?:{_ending_in(OF_NO_SECRET)})\Z").search
_throughout = re.compile(rf"(?i)(?:^|[^a-z0-9])(?:{'|'.join(THROUGHOUT)})\Z").search
_camel = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def is_secret(name: str) -> bool:
    """Whether what has this name is a secret."""
    words = _camel.sub("-", name)
    return _named(words) is not None and not _harmless(words)


def is_secret_throughout(name: str) -> bool:
    """Whether all that an object of this name holds is secret, whatever its members are named."""
    return _throughout(_camel.sub("-", name)) is not None


def may_name_secrets(text: bytes) -> bool:
    """Whether there may be a name of a secret in JSON; False where it is certain that none is."""
    lower = text.lower()
    return any(map(lower.__contains__, HINTS))
