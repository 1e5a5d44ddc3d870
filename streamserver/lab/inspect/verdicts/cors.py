"""CORS: whether a page of another origin may read the stream (Fetch, section 3.3)."""

from collections.abc import Iterator

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.preflight import METHODS
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdict import Finding, Remedy
from streamserver.wire.fields import split_list

ALLOW = "access-control-allow-"


def judge_cors(evidence: Evidence) -> Finding:
    """Whether a browser gives the response to a page of the origin."""
    origin, cross = evidence.origin, evidence.cross_origin
    if not origin:
        return Finding("not asked", "--origin names the origin of a page that reads the stream")
    if cross is None or not cross.status:
        return Finding("not seen", "the request with Origin got no response")
    faults = [*_of_preflight(evidence.preflight, origin), *_of_response(evidence, cross)]
    if faults:
        return Finding("wrong", "; ".join(faults), _remedies(origin))
    allowed = f"Access-Control-Allow-Origin is {cross.value(ALLOW + 'origin')}"
    asked = "the preflight is answered" if evidence.preflight else "no preflight is sent"
    return Finding("ok", f"{allowed}; {asked}")


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
    methods = split_list(preflight.value(ALLOW + "methods"))
    method = asked.get("access-control-request-method", "")
    if method not in METHODS | {*methods} and "*" not in methods:
        yield f"Access-Control-Allow-Methods does not list {method}"
    allowed = {name.lower() for name in split_list(preflight.value(ALLOW + "headers"))}
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
    depends = cross.value(ALLOW + "origin") == origin
    depends = depends and main.value(ALLOW + "origin") != origin
    vary = {name.lower() for name in split_list(cross.value("vary"))}
    is_stored = "no-store" not in cross.value("cache-control").lower()
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
    elif has_credentials and message.value(ALLOW + "credentials") != "true":
        yield "the request has a cookie, and Access-Control-Allow-Credentials is not true"


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
