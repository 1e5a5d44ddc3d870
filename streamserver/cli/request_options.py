"""The request of `bench`: its options, and the request that they describe."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from pathlib import Path

from streamserver.cli.keys import HEADER_FILE, check_sources, fields_of, key_of, sources
from streamserver.cli.naming import url_hint
from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.values import field, switch, text
from streamserver.lab.client.request import RequestSpec
from streamserver.wire.fields import is_token
from streamserver.wire.json_text import to_json


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
    *sources("bearer", "a key, sent as Authorization: Bearer KEY and never shown"),
    Option("body", None, text, "FILE", "file of the request body; - is standard input", shown=""),
    Option("data", None, text, "TEXT", "request body", shown=""),
    Option("insecure", False, switch, "", "accept any certificate", "off"),
    Option("ca", None, text, "FILE", "PEM file of trusted authorities", "those of the system"),
)
CHAT = (
    Option(
        "chat",
        False,
        switch,
        "",
        "URL is the base of an OpenAI-compatible service, as in https://HOST/v1: "
        "request a streamed chat completion",
        "off",
    ),
    Option("model", None, text, "NAME", "model of the request, with --chat", shown=""),
    Option("prompt", None, text, "TEXT", "message of the user, with --chat", shown=""),
)
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
    bodies = [name for name in ("body", "data", "chat") if getattr(options, name)]
    if len(bodies) > 1:
        parser.error(f"--{bodies[0]} and --{bodies[1]} exclude each other: each is the body")
    if options.chat and not (options.model and options.prompt):
        parser.error("--chat needs --model and --prompt")
    if not options.chat and (options.model or options.prompt):
        parser.error("--model and --prompt need --chat")
    check_sources(options, parser, "bearer-env", "bearer-file")
    if options.insecure and options.ca:
        parser.error("--insecure and --ca exclude each other")


def make_request(options: Namespace, environment: Mapping[str, str]) -> RequestSpec:
    """The request of the options; CannotServe for a file or key that is missing, and for a request
    that cannot be encoded."""
    body, given = _body(options), fields_of(options)
    has_body = options.chat or options.body is not None or options.data is not None
    defaults = []
    if options.chat:
        defaults = [("content-type", "application/json"), ("accept", "text/event-stream")]
    elif body:
        defaults = [("content-type", "application/json" if _is_json(body) else "text/plain")]
    fields = [*given, *(one for one in defaults if one[0] not in dict(given))]
    if key := key_of(options, "bearer", environment):
        fields.append(("authorization", f"Bearer {key}"))
    request = RequestSpec(
        chat_url(options.url) if options.chat else options.url,
        options.method or ("POST" if has_body else "GET"),
        tuple(fields),
        body,
        chat=options.chat,
    )
    try:
        request.encoder()
    except ValueError as error:
        raise CannotServe(f"no such request can be sent: {error}") from error
    return request


def _body(options: Namespace) -> bytes:
    if options.chat:
        messages = [{"role": "user", "content": options.prompt}]
        request = {"model": options.model, "messages": messages, "stream": True}
        return to_json(request).encode()
    if options.data is not None:
        return bytes(options.data.encode())
    if options.body == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(options.body).read_bytes() if options.body else b""
    except OSError as error:
        raise CannotServe(f"--body {options.body}: {error.strerror}") from error


def chat_url(base: str) -> str:
    """The URL of the chat completions of a service."""
    path, question, query = base.partition("?")
    path = path.rstrip("/")
    return path.removesuffix("/chat/completions") + "/chat/completions" + question + query


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body.replace(b"{n}", b"0").replace(b"{uuid}", b"0"))
    except ValueError:
        return False
    return True
