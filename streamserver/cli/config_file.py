"""The text of a configuration file: TOML in UTF-8 (https://toml.io/en/v1.0.0).

The log format and the warnings about variables are needed before the options are read, when the
file may be wrong. `early` and `early_texts` read it for them without an error.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence

from streamserver.cli.problem import CannotServe

FLAG = "config"
VARIABLE = "STREAMSERVER_CONFIG"
MAX_BYTES = 2**20


class ConfigError(Exception):
    """An error in a configuration file, and what is allowed, in one line."""


class Float(str):
    """A number with a fraction, as it is written."""


def load(path: str) -> dict[str, object]:
    """The keys of a file. CannotServe if it cannot be read; ConfigError if it is not TOML."""
    import tomllib  # few servers have such a file

    content = _read(path)
    try:
        return tomllib.loads(content, parse_float=lambda text: Float(text.replace("_", "")))
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, or an integer of thousands of digits
        last = content.rstrip().count("\n") + 1
        problem = str(error).replace("at end of document", f"at line {last}, the last one")
        raise ConfigError(f"{path} is not TOML: {problem}") from None


def _read(path: str) -> str:
    """The text of a file. A pipe is refused, since each worker and each restart reads it again."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CannotServe(f"--config {path}: not a regular file")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CannotServe(f"--config {path}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the path
        raise CannotServe(f"--config {path!r}: {error}") from error
    if len(data) > MAX_BYTES:
        raise CannotServe(f"--config {path}: the file is longer than {MAX_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CannotServe(f"--config {path}: line {line} is not UTF-8") from None


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting, which a pipe without a writer would need."""
    return os.open(path, flags | os.O_NONBLOCK)


# Before the options are read


def given(argv: Sequence[str], environment: Mapping[str, str], name: str, variable: str) -> str:
    """The text of an option on a command line that is not parsed, else of its variable, or ""."""
    found = environment.get(variable, "")
    for word, following in zip(argv, [*argv[1:], ""], strict=False):
        if word == f"--{name}":
            found = following
        elif word.startswith(f"--{name}="):
            found = word.partition("=")[2]
    return found


def early(argv: Sequence[str], environment: Mapping[str, str]) -> Mapping[str, object]:
    """The keys of the file that a command line names; none if that cannot be read."""
    path = given(argv, environment, FLAG, VARIABLE)
    try:
        return load(path) if path else {}
    except (CannotServe, ConfigError):
        return {}


def early_texts(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    """Every text in this file, which is read at the first iteration."""
    yield from _texts(early(argv, environment))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)
