"""Requests to a model: their options, and the bodies that they describe."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from dataclasses import replace
from textwrap import shorten

from streamserver.cli.options import Option, duration
from streamserver.cli.problem import CannotServe
from streamserver.cli.values import one_of, switch, text, whole
from streamserver.lab.client.request import substitution
from streamserver.lab.load.trace import Trace
from streamserver.lab.prompts.bodies import ModelBodies, Prompt
from streamserver.lab.prompts.conversation import Source
from streamserver.lab.prompts.dataset import read_dataset
from streamserver.lab.prompts.interfaces import CHAT, INTERFACES, Interface
from streamserver.lab.prompts.lines import MOST_TOKENS
from streamserver.lab.prompts.synthetic import Lengths, Synthetic, parse_lengths
from streamserver.lab.prompts.traced import Traced

MOST_TURNS = 1000
SHOWN = 100
"""Characters of a prompt in a report's description."""


def _lengths(value: str) -> Lengths:
    try:
        return parse_lengths(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _percent(value: str) -> int | None:
    return whole(0, 100)(value.removesuffix("%"))


MODEL = (
    Option(
        "chat",
        False,
        switch,
        "",
        "URL is the base of an OpenAI-compatible service, as in https://HOST/v1: "
        "request a streamed chat completion; the same as --api chat",
        "off",
    ),
    Option(
        "api",
        None,
        one_of(*INTERFACES),
        "NAME",
        "URL is the base of a service with this interface: " + ", ".join(INTERFACES),
        shown="",
    ),
    Option("model", None, text, "NAME", "model of the request", shown=""),
    Option("prompt", None, text, "TEXT", "message of the user", shown=""),
    Option(
        "prompt-tokens",
        None,
        _lengths,
        "N[..M]",
        "synthetic prompts of about N tokens, or of N to M, all different",
        shown="",
    ),
    Option(
        "shared-prefix",
        0,
        _percent,
        "PERCENT",
        "share of each synthetic prompt that all have in common, at its beginning",
    ),
    Option(
        "dataset",
        None,
        text,
        "FILE",
        "prompts from a file of JSON lines: objects with messages, prompt or conversations, and"
        " optionally max_tokens and system",
        shown="",
    ),
    Option("shuffle", False, switch, "", "data set in an order that depends on --seed", "off"),
    Option(
        "max-tokens",
        None,
        whole(1, MOST_TOKENS),
        "N",
        "most tokens of each answer, unless its line of the data set has its own",
        shown="",
    ),
    Option(
        "exact",
        False,
        switch,
        "",
        "answers have exactly --max-tokens: send ignore_eos, and min_tokens where it is known",
        "off",
    ),
)
CONVERSATIONS = (
    Option(
        "turns",
        1,
        whole(1, MOST_TURNS),
        "N",
        "turns of each conversation of synthetic prompts: every turn repeats the answers before it",
    ),
    duration("think-time", 0.0, "time from an answer to the next turn", zero=True),
)
_OF_THE_MODEL = [option.name for option in (*MODEL, *CONVERSATIONS)]
_PROMPTS = ("prompt", "prompt-tokens", "dataset")
_NEEDS = (
    ("shared-prefix", ("prompt-tokens",)),
    ("turns", ("prompt-tokens",)),
    ("think-time", ("turns", "dataset")),
    ("shuffle", ("dataset",)),
    ("exact", ("max-tokens", "dataset", "trace")),
)


def interface_of(options: Namespace) -> Interface | None:
    """The interface of the options; None for a request of any other kind."""
    return CHAT if options.chat else INTERFACES.get(options.api or "")


def check(options: Namespace, parser: ArgumentParser) -> None:
    """Exit with wrong usage for options that exclude or need each other."""
    if options.chat and options.api:
        parser.error("--chat and --api exclude each other: --chat is --api chat")
    interface = interface_of(options)
    given = [name for name in _OF_THE_MODEL if _is_given(options, name)]
    if interface is None:
        if given:
            parser.error(f"--{given[0]} needs --chat or --api")
        return
    asked = f"--api {interface.name}" if options.api else "--chat"
    if options.body:
        parser.error(f"{asked} and --body exclude each other: each is the body")
    if interface.models == "required" and not options.model:
        parser.error(f"{asked} needs --model")
    if interface.models == "none" and options.model:
        parser.error(f"requests of {asked} name no model: omit --model")
    prompts = [name for name in _PROMPTS if name in given]
    if not (prompts or _lengths_of(options)):
        with_lengths = ", or a --trace with lengths of prompts"
        parser.error(f"{asked} needs one of --{', --'.join(_PROMPTS)}{with_lengths}")
    if len(prompts) > 1:
        parser.error(f"--{' and --'.join(prompts)} exclude each other: each is the prompt")
    sources = {*given, *(["trace"] if _lengths_of(options) and not prompts else [])}
    for name, needed in _NEEDS:
        if name in given and not set(needed) & sources:
            parser.error(f"--{name} needs --{' or --'.join(needed)}")
    if options.exact and not interface.exact:
        known = ", ".join(one.name for one in INTERFACES.values() if one.exact)
        parser.error(f"{asked} has no answers of exact length: --exact is for {known}")
    if options.data is not None and _patch(options.data) is None:
        parser.error(f"with {asked}, --data must be a JSON object: its members are merged")


def make_bodies(options: Namespace, interface: Interface) -> ModelBodies:
    """The bodies of the options; CannotServe for a data set that is wrong."""
    bodies = ModelBodies(
        interface, options.model or "", _source(options), options.max_tokens or 0, options.exact
    )
    if options.dataset is not None:
        bodies = replace(bodies, source=_dataset(options, bodies))
    if bodies.turns > 1 and not streams(options):
        raise CannotServe("conversations need streamed answers, but --data sets stream to false")
    return bodies


def describe(options: Namespace) -> Iterator[tuple[str, str]]:
    """What is asked of a model, in words; nothing for a request of any other kind."""
    interface = interface_of(options)
    if interface is None:
        return
    yield "interface", interface.name
    if options.model:
        yield "model", options.model
    if options.dataset:
        yield "prompts", f"data set {options.dataset}{', shuffled' * options.shuffle}"
    elif options.prompt_tokens:
        shared = f", {options.shared_prefix}% of it shared" if options.shared_prefix else ""
        turns = f", {options.turns} turns" if options.turns > 1 else ""
        yield "prompts", f"synthetic, {options.prompt_tokens} tokens{shared}{turns}"
    elif options.prompt is None:
        yield "prompts", "synthetic, of the lengths of the trace"
    else:
        yield "prompts", shorten(options.prompt, SHOWN, placeholder="...")
    if options.max_tokens:
        yield "answers", f"{'exactly' if options.exact else 'at most'} {options.max_tokens} tokens"


def _dataset(options: Namespace, bodies: ModelBodies) -> Source:
    try:
        return read_dataset(options.dataset, options.shuffle, bodies.check)
    except OSError as error:
        raise CannotServe(f"--dataset {options.dataset}: {error.strerror or error}") from error
    except ValueError as error:
        raise CannotServe(f"--dataset {options.dataset}: {error}") from error


def streams(options: Namespace) -> bool:
    """Whether the members of --data leave the response a stream."""
    patch = _patch(options.data) or {} if options.data is not None else {}
    return bool(patch.get("stream", True))


def _source(options: Namespace) -> Source:
    if options.prompt is not None:
        return Prompt(options.prompt)
    if options.prompt_tokens is None:
        lengths = _lengths_of(options)
        return Traced(lengths) if lengths else Prompt("")
    return Synthetic(options.prompt_tokens, options.shared_prefix, getattr(options, "turns", 1))


def _lengths_of(options: Namespace) -> Trace | None:
    """The trace, if it has the length of each prompt; other commands have none."""
    trace: Trace | None = getattr(options, "trace", None)
    return trace if trace and trace.has_lengths else None


def _patch(data: str) -> dict[str, object] | None:
    """The members of --data; None if it is not a JSON object."""
    try:
        found = json.loads(substitution(0, 0)(data.encode()))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_given(options: Namespace, name: str) -> bool:
    default = {"turns": 1, "think-time": 0.0, "shared-prefix": 0}.get(name)
    value = getattr(options, name.replace("-", "_"), default)
    return value is not None and value is not False and value != default
