"""Options in a configuration file: a section for each command that serves, and keys for all.

A key is the name of an option, with "-" or "_". A key above the first section holds for each
command that has the option; a key in the section of the command replaces it. A value has TOML's own
type where there is one, or is the text of the command line. An empty text selects the default, as
an empty variable does.
"""

from argparse import ArgumentTypeError
from collections.abc import Iterable, Mapping
from itertools import chain

from streamserver.cli.commands import SERVING, command
from streamserver.cli.config_file import ConfigError, Float, load
from streamserver.cli.naming import COMMANDS
from streamserver.cli.options import Option, Table
from streamserver.cli.values import switch
from streamserver.kit.hints import did_you_mean

NUMBERS = ("N", "PORT", "DURATION", "SIZE")
"""The values that may be numbers, as `--help` calls them."""
LISTS = ("NAMES", "CIDR,...")
"""The values that may be arrays of texts, as `--help` calls them."""
ONLY_FLAGS = ("config", "check-config")


def read_config(path: str, name: str, table: Table, checks: bool) -> dict[str, object]:
    """What a file sets for the command ``name`` with this table, by the keys of its options.

    ``checks``: the names of the keys in other sections are checked too, for which all commands are
    imported. CannotServe for a file that cannot be read; ConfigError for an error in it.
    """
    data = load(path)
    shared = {key: value for key, value in data.items() if key not in SERVING}
    own = _options(table)
    known = names(own)
    if not all(map(known.__contains__, map(_dashed, shared))):
        everywhere = names(chain(*[_options(command(each).TABLE) for each in SERVING]))
        for key in shared:
            if _dashed(key) not in everywhere:
                raise ConfigError(f"{path}: {_unknown(key, shared[key], everywhere)}")
        shared = {key: value for key, value in shared.items() if _dashed(key) in known}
    found = read_keys(shared, own, path)
    for section in SERVING:
        keys, where = data.get(section, {}), f"{path}, [{section}]"
        if not isinstance(keys, dict):
            raise ConfigError(f"{path}: {section!r} is a section, as in [{section}]")
        if section == name:
            found |= read_keys(keys, own, where)
        elif checks:
            match_names(keys, _options(command(section).TABLE), where)
    return found


def read_keys(
    keys: Mapping[str, object], options: Iterable[Option], where: str
) -> dict[str, object]:
    """The values of these keys, by the keys of their options; ConfigError names ``where``, the key
    and what is allowed."""
    matched = match_names(keys, options, where)
    return {
        option.key: convert(option, keys[key], f"{where}: {key}") for key, option in matched.items()
    }


def match_names(keys: Iterable[str], options: Iterable[Option], where: str) -> dict[str, Option]:
    """The option of each key; ConfigError for an unknown key, or two of one option."""
    known = names(options)
    found: dict[str, Option] = {}
    for key in keys:
        if (option := known.get(_dashed(key))) is None:
            raise ConfigError(f"{where}: {_unknown(key, None, known)}")
        for other in found:
            if found[other] is option:
                raise ConfigError(f"{where}: {other} and {key} are the same option")
        found[key] = option
    return found


def names(options: Iterable[Option]) -> dict[str, Option]:
    """Options by the names of their keys. One that may be repeated has a singular and a plural."""
    found = {}
    for option in options:
        found[option.name] = option
        if option.many:
            one = option.name.removesuffix("s")
            found |= {one: option, f"{one}s": option}
    return found


def convert(option: Option, value: object, where: str) -> object:
    """The option's value; ConfigError names ``where`` and what is allowed."""
    try:
        if value == "":
            return option.default
        if not option.many:
            return _read(option, value)
        items: list[object] = []
        for number, item in enumerate(value if isinstance(value, list) else [value], 1):
            if isinstance(item, dict) and option.read_table:
                items += option.read_table(item, f"{where} {number}")
            else:
                items.append(_read(option, item))
        return items
    except ArgumentTypeError as problem:
        raise ConfigError(f"{where}: {problem}") from None


def _read(option: Option, value: object) -> object:
    if isinstance(value, bool) and option.read is switch:
        return value
    if isinstance(value, list) and option.metavar in LISTS:
        if not all(_described(item)[0] == "a text" for item in value):
            raise ArgumentTypeError("the array has an item that is not a text in quotes")
        value = ",".join(value)
    kind, text = _described(value)
    found = option.read(text)  # it refuses most values of a wrong type, and names what is allowed
    if kind == "a text" or (kind == "a number" and option.metavar in NUMBERS):
        return found
    allowed = "true or false" if option.read is switch else "a text in quotes"
    raise ArgumentTypeError(f"{kind} is not allowed: the value is {allowed}")


def _described(value: object) -> tuple[str, str]:
    """The kind of a value in words, and its text; the kind again for a value that has none."""
    if isinstance(value, Float):
        return "a number", value
    if isinstance(value, str):
        return "a text", value
    if isinstance(value, bool):
        return "a boolean", str(value).lower()
    if isinstance(value, int):
        return "a number", str(value) if abs(value) < 10**18 else "a number of many digits"
    kind = "an array" if isinstance(value, list) else "a date or time"
    kind = "a table" if isinstance(value, dict) else kind
    return kind, kind


def _dashed(key: str) -> str:
    return key.replace("_", "-")


def _options(table: Table) -> list[Option]:
    """The options that a file may set."""
    return [option for option in chain(*table.values()) if option.name not in ONLY_FLAGS]


def _unknown(key: str, value: object, known: Mapping[str, object]) -> str:
    """The error for a key that is not the name of an option, with the nearest name."""
    name = _dashed(key)
    if name in ONLY_FLAGS:
        return f"{key!r} is allowed on the command line only"
    if isinstance(value, dict):
        sections = ", ".join(SERVING)
        return f"there is no section {key!r}; sections: {sections}{did_you_mean(key, SERVING)}"
    owners = [each for each in COMMANDS if name in names(_options(command(each).TABLE))]
    if serving := [each for each in owners if each in SERVING]:
        hint = did_you_mean(name, known)
        return f"{key!r} is an option of {', '.join(serving)}, and not allowed here{hint}"
    if owners:
        return f"{key!r} is an option of {owners[0]}, which reads no file"
    return f"there is no option {key!r}{did_you_mean(name, known)}"
