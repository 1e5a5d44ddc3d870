"""Options as tables: a row is a flag, an environment variable, a help text and a default.

A variable is read if its flag is absent, and holds the same text. An empty variable counts as
absent: many tools unset one like that. The value of a repeatable flag is a list, and its variable
holds one item per line. A configuration file comes after the variable, for the commands that read
one (`config.py`).
"""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import NoReturn

from streamserver import __version__
from streamserver.cli.values import seconds, size, switch
from streamserver.kit.hints import did_you_mean
from streamserver.kit.units import format_size
from streamserver.serving import logs

PREFIX = "STREAMSERVER_"
EPILOG = (
    "A DURATION is in seconds or has a unit: 500ms, 30s, 2m, 1h. A SIZE is in bytes or has a unit:"
    " 64KiB, 10MB. Each option is also read from the environment variable "
    f"{PREFIX}NAME, for example {PREFIX}HEAD_TIMEOUT=5s."
)
Table = Mapping[str, Sequence["Option"]]
"""The groups of `--help`: titles with their options."""


@dataclass(frozen=True, slots=True)
class Option:
    """`read` converts text to the value; ArgumentTypeError names what is allowed.

    `shown` is the default in `--help` if it differs from the value. `many`: the flag is repeatable.
    `positional`: it is an argument without a flag. `secret`: the value may be one, so it is never
    shown.
    """

    name: str
    default: object
    read: Callable[[str], object]
    metavar: str
    help: str
    shown: str | None = None
    many: bool = False
    letter: str = ""
    """A short flag."""
    positional: bool = False
    secret: bool = False
    read_table: Callable[[Mapping[str, object], str], Sequence[object]] | None = None
    """Of a repeatable option: its items in a table of a configuration file. The second argument
    names the table in errors."""

    @property
    def key(self) -> str:
        """The attribute of its value: `head_timeout` for `--head-timeout`."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable: `STREAMSERVER_HEAD_TIMEOUT`."""
        return PREFIX + self.key.upper()

    @property
    def flags(self) -> list[str]:
        """All its flags: `--access-log` and `--no-access-log`."""
        if self.positional:
            return []
        names = [f"-{self.letter}"] if self.letter else []
        return [*names, f"--{self.name}", *([f"--no-{self.name}"] if self.read is switch else [])]


def duration(name: str, default: float, help: str, *, zero: bool = False) -> Option:
    """An option that is a duration; `zero`: whether 0 is allowed."""
    return Option(name, default, seconds(zero=zero), "DURATION", help, f"{default:g}s")


def octets(name: str, default: int, most: int, help: str) -> Option:
    """An option that is a size, from 0 to `most` bytes."""
    return Option(name, default, size(0, most), "SIZE", help, format_size(default))


class Parser(argparse.ArgumentParser):
    """Reports wrong usage as one line of JSON where the log is JSON."""

    file = ""
    """The configuration file, which an error about several options names too: without the usage,
    because any of them may be in the file."""

    def error(self, message: str) -> NoReturn:
        """As the base class has it, with exit status 2."""
        if self.file:
            self.refuse(f"{message} (options are also read from {self.file})")
        if logs.log_json_error(f"{self.prog}: error: {message}"):
            self.exit(2)
        super().error(message)

    def refuse(self, message: str) -> NoReturn:
        """`error` without the usage: for an error that is not on the command line."""
        message = f"{self.prog}: error: {message}"
        self.exit(2, None if logs.log_json_error(message) else f"{message}\n")


def make_parser(usage: str, description: str, table: Table) -> Parser:
    """A parser of the table's options; it sets no attribute for an absent one."""
    parser = Parser(
        prog="streamserver",
        usage=usage,
        description=description,
        epilog=EPILOG,
        argument_default=argparse.SUPPRESS,
        # Else a new option could change the meaning of an abbreviation in a script.
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"streamserver {__version__}")
    for title, options in table.items():
        group = parser.add_argument_group(title)
        for option in options:
            _add(group, option)
    return parser


def parse(
    parser: argparse.ArgumentParser,
    table: Table,
    argv: Sequence[str],
    environment: Mapping[str, str],
    read_file: Callable[[argparse.Namespace], Mapping[str, object]] = lambda given: {},
) -> argparse.Namespace:
    """Every option's value: from argv, else from the environment, else from a file, else its
    default. The attribute ``sources`` has the first three as words, by the keys of options;
    ``table`` is the table.

    ``read_file`` is called with what argv sets and returns the values of the file. SystemExit(2)
    for a wrong text, after a line that names the flag or variable.
    """
    _refuse_unknown(parser, table, argv)
    values, rest = parser.parse_known_intermixed_args(argv)  # options between two URLs
    for word in rest:
        if word != "--":
            parser.error(f"unexpected argument {word!r}")
    for option in chain.from_iterable(table.values()):
        if option.positional and not getattr(values, option.key):
            delattr(values, option.key)  # argparse sets it, though it is absent
    sources = dict.fromkeys(vars(values), "command line")
    filed = read_file(values)
    for option in chain.from_iterable(table.values()):
        if option.key in values:
            continue
        if text := environment.get(option.variable):
            sources[option.key] = "environment"
            try:
                setattr(values, option.key, _read(option, text))
            except argparse.ArgumentTypeError as problem:
                parser.error(f"environment variable {option.variable}: {problem}")
        else:
            sources |= {option.key: "file"} if option.key in filed else {}
            setattr(values, option.key, filed.get(option.key, option.default))
    values.sources, values.table = sources, table
    return values


def _refuse_unknown(parser: argparse.ArgumentParser, table: Table, argv: Sequence[str]) -> None:
    """Exit at the first unknown flag. argparse would also print its value, which may be secret."""
    flags = {flag for options in table.values() for option in options for flag in option.flags}
    flags |= {"--help", "-h", "--version"}
    for word in takewhile(lambda word: word != "--", argv):
        name = word.partition("=")[0]
        # As in argparse, a number and a word with a space are values.
        if not name.startswith("-") or " " in word or name == "-" or _is_number(word):
            continue
        if name not in flags and (name.startswith("--") or name[:2] not in flags):
            hint = did_you_mean("--" + name.lstrip("-"), flags)
            parser.error(f"there is no option {name}{hint}")


_is_number = re.compile(r"-(\d+|\d*\.\d+)").fullmatch


def _read(option: Option, text: str) -> object:
    if not option.many:
        return option.read(text)
    return [option.read(line) for line in text.splitlines() if line]


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    flags = [flag for flag in option.flags if not flag.startswith("--no-")]
    default = option.default if option.shown is None else option.shown
    about = f"{option.help} (default: {default})" if default != "" else option.help
    about = about.replace("%", "%%")  # argparse formats it
    if option.positional:
        many = "*" if option.many else "?"
        group.add_argument(
            option.key,
            nargs=many,
            type=option.read,
            default=None,
            metavar=option.metavar,
            help=about,
        )
    elif option.read is switch:
        group.add_argument(*flags, action=argparse.BooleanOptionalAction, help=about)
    elif option.many:
        group.add_argument(
            *flags, action="append", type=option.read, metavar=option.metavar, help=about
        )
    else:
        group.add_argument(*flags, type=option.read, metavar=option.metavar, help=about)
