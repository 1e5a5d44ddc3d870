"""Secrets in the environment or in files, since every user of a machine sees arguments.

No error repeats a secret.
"""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping

from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.values import field, text, variable

MAX_FILE = 64 * 1024
"""Bytes of a file with secrets."""

_is_key = re.compile(r"[!-~]+").fullmatch

HEADER_FILE = Option(
    "header-file",
    None,
    text,
    "FILE",
    "file of further fields, one per line, for example with secrets",
    shown="",
)


def sources(name: str, what: str, default: str = "") -> tuple[Option, Option]:
    """The options that name the variable or the file with a secret."""
    return (
        Option(f"{name}-env", None, variable, "NAME", f"the variable that holds {what}", default),
        Option(f"{name}-file", None, text, "FILE", f"the file that holds {what}", ""),
    )


def check_sources(options: Namespace, parser: ArgumentParser, *names: str) -> None:
    """Exit with an error if more than one of these options is set."""
    given = [name for name in names if getattr(options, name.replace("-", "_"))]
    if len(given) > 1:
        parser.error(f"--{given[0]} and --{given[1]} exclude each other")


def secret_of(options: Namespace, name: str, environment: Mapping[str, str]) -> str | None:
    """The secret in the variable or the file that the options of ``sources`` name; None if neither
    is set. CannotServe if it is absent or empty."""
    return _found(options, name, environment)[1]


def key_of(options: Namespace, name: str, environment: Mapping[str, str]) -> str | None:
    """The key of a service, read as by ``secret_of``; CannotServe if it is not one ASCII word."""
    source, key = _found(options, name, environment)
    if key is not None and not _is_key(key):
        raise CannotServe(f"{source} must hold one word of ASCII")
    return key


def _found(options: Namespace, name: str, environment: Mapping[str, str]) -> tuple[str, str | None]:
    """The source of a secret, as an error names it, and the secret."""
    key = name.replace("-", "_")
    if named := getattr(options, f"{key}_env"):
        source = f"--{name}-env: the environment variable {named}"
        found = environment.get(named, "")
        if found.strip():  # spaces alone would be no token, which protects nothing
            return source, found
        raise CannotServe(f"{source} is not set, or empty")
    if path := getattr(options, f"{key}_file"):
        source = f"--{name}-file {path}"
        if found := _read(source, path).strip():
            return source, found
        raise CannotServe(f"{source}: the file is empty")
    return "", None


def fields_of(options: Namespace) -> list[tuple[str, str]]:
    """The fields of ``--header`` and of the file of ``--header-file``; CannotServe if the file
    cannot be read or a line is no field."""
    fields = list(options.header)
    if path := options.header_file:
        for number, line in enumerate(_read(f"--header-file {path}", path).splitlines(), 1):
            try:
                fields += [field(line)] if line.strip() else []
            except ArgumentTypeError as error:
                raise CannotServe(f"--header-file {path}, line {number}: {error}") from None
    return fields


def _read(source: str, path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise CannotServe(f"{source}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the path
        raise CannotServe(f"{source}: {error}") from error
    if len(data) > MAX_FILE:
        raise CannotServe(f"{source}: the file is longer than {MAX_FILE} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CannotServe(f"{source}: the file is not UTF-8") from None
