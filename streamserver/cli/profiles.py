"""The option of `target` that gives its model a cost."""

import tomllib
from argparse import ArgumentTypeError
from collections.abc import Mapping
from pathlib import Path

from streamserver.cli.options import Option
from streamserver.lab.model.cost.profile import Profile, read_profile
from streamserver.wire.problem import HTTPError


def profile(value: str) -> Profile:
    """The profile in a TOML file, or in settings such as ``decode_step=10ms,max_sequences=64``."""
    try:
        return read_profile(_settings(value) if "=" in value else _file(value))
    except HTTPError as error:
        raise ArgumentTypeError(error.detail) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ArgumentTypeError(f"{value!r} is not a profile: {error}") from error


def _file(name: str) -> Mapping[str, object]:
    return tomllib.loads(Path(name).read_text("utf-8"))


def _settings(value: str) -> Mapping[str, object]:
    settings: dict[str, object] = {}
    for setting in value.split(","):
        name, _, text = setting.partition("=")
        if name in settings:
            raise ValueError(f"{name} is given more than once")
        settings[name] = text
    return settings


PROFILE = Option(
    "profile",
    None,
    profile,
    "FILE",
    "cost of the model's steps, prompts and places: a TOML file, or NAME=VALUE,NAME=VALUE,...;"
    " without it, each answer has a rate of its own",
    "",
)
