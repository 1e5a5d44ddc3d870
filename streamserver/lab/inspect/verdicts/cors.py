"""CORS: whether a page of another origin may read the stream (Fetch, section 3.3)."""

from collections.abc import Iterator

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdict import Remedy, Verdict
from streamserver.wire.fields import split_list

NAME = "cors"
SECTION = "Fetch, section 3.3"
ALLOW = "access-control-allow-"
SAFELISTED = ("GET", "HEAD", "POST")


def judge_cors(evidence: Evidence) -> Verdict:
    """Whether a browser gives the response to a page of the origin."""
    origin, cross = evidence.origin, evidence.cross_origin
    if not origin:
        seen = "--origin names the origin of a page that reads the stream"
        return Verdict(NAME, "not asked", seen, SECTION)
    if cross is None or not cross.status:
        return Verdict(NAME, "not seen", "the request with Origin got no response", SECTION)
    faults = [*_of_preflight(evidence.preflight, origin), *_of_response(evidence, cross)]
    if faults:
        return Verdict(NAME, "wrong", "; ".join(faults), SECTION, _remedies(origin))
    allowed = f"Access-Control-Allow-Origin is {_value(cross, ALLOW + 'origin')}"
    asked = "the preflight is answered" if evidence.preflight else "no preflight is sent"
    return Verdict(NAME, "ok", f"{allowed}; {asked}", SECTION)


def _of_preflight(preflight: Message | None, origin: str) -> Iterator[str]:
    if preflight is None:
        return
    if not 200 <= preflight.status < 300:
        yield f"the preflight (OPTIONS) got {preflight.status or 'no response'}, not 200 to 299"
        return
    is_credentialed = False  # a preflight has no cookies
    for fault in _of_origin(preflight, origin, is_credentialed):
        yield f"in the response to the preflight, {fault}"
    asked = _request_fields(preflight)
    methods = split_list(_value(preflight, ALLOW + "methods"))
    method = asked.get("access-control-request-method", "")
    if method not in (*SAFELISTED, *methods) and "*" not in methods:
        yield f"Access-Control-Allow-Methods does not list {method}"
    allowed = {name.lower() for name in split_list(_value(preflight, ALLOW + "headers"))}
    for name in split_list(asked.get("access-control-request-headers", "")):
        # "*" does not include Authorization.
        if name not in allowed and ("*" not in allowed or name == "authorization"):
            yield f"Access-Control-Allow-Headers does not list {name}"


def _of_response(evidence: Evidence, cross: Message) -> Iterator[str]:
    main, origin = evidence.main, evidence.origin
    if cross.status >= 400 and cross.status != main.status:
        yield f"the request with Origin got a {cross.status}, without it a {main.status}"
    fields = _request_fields(cross)
    yield from _of_origin(cross, origin, "cookie" in fields)
    depends = _value(cross, ALLOW + "origin") == origin
    depends = depends and _value(main, ALLOW + "origin") != origin
    vary = {name.lower() for name in split_list(_value(cross, "vary"))}
    is_stored = "no-store" not in _value(cross, "cache-control").lower()
    if depends and is_stored and not vary & {"origin", "*"}:
        yield "Vary does not list Origin, though the response depends on it"


def _of_origin(message: Message, origin: str, has_credentials: bool) -> Iterator[str]:
    """The faults of Access-Control-Allow-Origin and -Credentials (Fetch, section 4.10)."""
    values = [value for name, value in message.fields if name == ALLOW + "origin"]
    if len(values) != 1:
        yield f"Access-Control-Allow-Origin is {'given twice' if values else 'missing'}"
        return
    allowed = values[0]
    if allowed != origin and (allowed != "*" or has_credentials):
        reason = ", which excludes cookies" if allowed == "*" else ""
        yield f"Access-Control-Allow-Origin is {allowed}{reason}, not {origin}"
    elif has_credentials and _value(message, ALLOW + "credentials") != "true":
        yield "the request has a cookie, and Access-Control-Allow-Credentials is not true"


def _value(message: Message, name: str) -> str:
    return ", ".join([value for own, value in message.fields if own == name])


def _request_fields(message: Message) -> dict[str, str]:
    """The fields of the request of a message."""
    head = message.recording.request.partition(b"\r\n\r\n")[0].decode("latin-1")
    lines = [line.partition(":") for line in head.split("\r\n")[1:]]
    return {name.lower(): value.strip() for name, _, value in lines}


def _remedies(origin: str) -> tuple[Remedy, ...]:
    both = f'Access-Control-Allow-Origin "{origin}" always; add_header Vary Origin always;'
    return (
        Remedy(
            "server",
            f"send Access-Control-Allow-Origin: {origin} (with cookies also"
            " Access-Control-Allow-Credentials: true) and Vary: Origin in every response, errors"
            " too; answer OPTIONS with a 204, the methods and the fields that are allowed",
        ),
        Remedy("nginx", f"add_header {both}"),
        Remedy("HAProxy", f"http-after-response set-header Access-Control-Allow-Origin {origin}"),
        Remedy("Apache", f'Header always set Access-Control-Allow-Origin "{origin}"'),
        Remedy("Caddy", f"header Access-Control-Allow-Origin {origin}"),
    )
