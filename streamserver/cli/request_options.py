"""The request of `bench`: its options, and the request that they describe."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from pathlib import Path

from streamserver.cli import prompt_options
from streamserver.cli.keys import HEADER_FILE, check_sources, fields_of, key_of, sources
from streamserver.cli.naming import url_hint
from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.values import field, switch, text
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.prompts.interfaces import BEARER
from streamserver.wire.fields import is_token


def _method(value: str) -> str:
    if not is_token(value):
        raise ArgumentTypeError(f"{value!r} is not a method such as GET or POST")
    return value


def url(value: str) -> str:
    """A URL of http or https."""
    try:
        return RequestSpec(value).url
    except ValueError as error:
        raise ArgumentTypeError(f"{error}{url_hint(value)}") from error


REQUESTS = (
    Option("method", None, _method, "NAME", "request method", "GET, or POST with a body"),
    Option(
        "header",
        (),
        field,
        "'NAME: VALUE'",
        "field of the request; may be repeated (in the variable: one per line)",
        shown="",
        many=True,
    ),
    HEADER_FILE,
    *sources(
        "bearer",
        "a key, sent as Authorization: Bearer KEY, or in the field of --api, and never shown",
    ),
    Option("body", None, text, "FILE", "file of the request body; - is standard input", shown=""),
    Option(
        "data",
        None,
        text,
        "TEXT",
        "request body; with --chat or --api a JSON object that is merged into it, where null"
        " removes a member",
        shown="",
    ),
    Option("insecure", False, switch, "", "accept any certificate", "off"),
    Option("ca", None, text, "FILE", "PEM file of trusted authorities", "those of the system"),
)
JSON = "application/json"
VARIABLES = (
    "In URL, header values, --data, --body and --prompt, {n} is replaced by the number of the"
    " request, from 0, and {uuid} by a UUID; other braces are kept."
)


def add_url(parser: ArgumentParser) -> None:
    """Add the argument URL."""
    parser.add_argument(
        "url", type=url, metavar="URL", help="http://HOST[:PORT]/PATH or https://..."
    )


def check(options: Namespace, parser: ArgumentParser) -> None:
    """Exit with wrong usage for options that exclude or need each other."""
    if options.body and options.data:
        parser.error("--body and --data exclude each other: each is the body")
    prompt_options.check(options, parser)
    check_sources(options, parser, "bearer-env", "bearer-file")
    if options.insecure and options.ca:
        parser.error("--insecure and --ca exclude each other")


def make_request(options: Namespace, environment: Mapping[str, str]) -> RequestSpec:
    """The request of the options; CannotServe for a file or key that is missing, and for a request
    that cannot be encoded."""
    interface = prompt_options.interface_of(options)
    body, given = _body(options), fields_of(options)
    is_answer = interface is not None and prompt_options.streams(options)
    defaults = list[tuple[str, str]]()
    if interface:
        accept = interface.accept if is_answer else JSON
        defaults = [*interface.fields, ("content-type", JSON), ("accept", accept)]
    elif body:
        defaults = [("content-type", JSON if _is_json(body) else "text/plain")]
    fields = [*given, *(one for one in defaults if one[0] not in dict(given))]
    if key := key_of(options, "bearer", environment):
        name, form = interface.key if interface else BEARER
        fields.append((name, form.format(key)))
    has_body = interface or options.body is not None or options.data is not None
    request = RequestSpec(
        url_of(options, options.url),
        options.method or ("POST" if has_body else "GET"),
        tuple(fields),
        body,
        chat=is_answer,
        bodies=prompt_options.make_bodies(options, interface) if interface else None,
    )
    try:
        request.encoder()(0)
    except (OSError, ValueError) as error:
        raise CannotServe(f"no such request can be sent: {error}") from error
    return request


def url_of(options: Namespace, base: str) -> str:
    """The URL of the requests: with --chat or --api, that of the interface of a service."""
    interface = prompt_options.interface_of(options)
    return interface.url(base, options.model or "") if interface else base


def _body(options: Namespace) -> bytes:
    if options.data is not None:
        return bytes(options.data.encode())
    if options.body == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(options.body).read_bytes() if options.body else b""
    except OSError as error:
        raise CannotServe(f"--body {options.body}: {error.strerror}") from error


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body.replace(b"{n}", b"0").replace(b"{uuid}", b"0"))
    except ValueError:
        return False
    return True
