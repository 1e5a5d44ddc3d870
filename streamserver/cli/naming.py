"""The commands, MODULE:APP and URLs of a command line, and hints for what was probably meant."""

import re
from argparse import ArgumentTypeError

from streamserver.kit.hints import did_you_mean

COMMANDS = ("serve", "proxy", "target", "bench", "inspect", "calibrate", "learn")
"""All commands; the default is the first."""

_file = re.compile(r"(?:\./)?([^:]+?)\.py(?:[:.](.*))?").fullmatch


def is_app_name(text: str) -> bool:
    """Whether it is MODULE:APP, two dotted names, of which the first is not a file name."""
    module, _, app = text.partition(":")
    names = (*module.split("."), *app.split("."))
    return not module.endswith(".py") and all(name.isidentifier() for name in names)


def app_name(text: str) -> str:
    """``text`` if it is MODULE:APP; else ArgumentTypeError, with a hint."""
    if is_app_name(text):
        return text
    raise ArgumentTypeError(_not_an_app(text))


def url_hint(text: str) -> str:
    """A hint for a URL without a scheme or with another one; "" if there is none."""
    scheme, mark, _ = text.partition("://")
    if mark:
        schemes = ("http", "https")
        return "" if scheme in schemes else did_you_mean(scheme, schemes)
    # A URL with a user name is not repeated: it may contain a password.
    plain = text and "@" not in text and not text.startswith(("http:", "https:", "unix:", "/"))
    return f" (did you mean {'http://' + text!r}?)" if plain else ""


def _not_an_app(text: str) -> str:
    """The error for a text that is neither a command nor MODULE:APP."""
    if text in COMMANDS:
        return f"{text!r} is a command: it must be the first argument"
    hint = did_you_mean(text, COMMANDS) if text.isalpha() else ""
    if not hint and is_app_name(nearest := _nearest_app(text)):
        hint = f" (did you mean {nearest!r}?)"
    forms = f"a command ({', '.join(COMMANDS)}) nor MODULE:APP, as in hello:app for app in hello.py"
    return f"{text!r} is neither {forms}{hint}"


def _nearest_app(text: str) -> str:
    """MODULE:APP for a path, a call, or a dot in place of the colon."""
    text = text.removesuffix("()")
    if text.isidentifier():
        return ""
    if found := _file(text):
        return f"{found[1].replace('/', '.')}:{found[2] or 'app'}"
    module, colon, app = text.replace("/", ".").partition(":")
    if not colon and "." in module:
        module, _, app = module.rpartition(".")
    return f"{module}:{app or 'app'}"
