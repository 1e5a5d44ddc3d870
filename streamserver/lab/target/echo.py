"""What was asked, told back: the names and members are httpbin's, which many tests expect."""

import asyncio
import json
from typing import Any

from streamserver.kit.params import duration, whole
from streamserver.kit.request import Query, Request
from streamserver.kit.response import Response
from streamserver.wire.fields import grouped
from streamserver.wire.problem import HTTPError

MAX_BODY = 1024 * 1024
DELAY = duration("delay", 0, 60)
CODE = whole("code", 200, 599)


async def get(request: Request) -> Response:
    """``GET /get``: the query, the fields, where the request came from, and the URL."""
    return Response.json(asked(request))


async def post(request: Request) -> Response:
    """``POST /post``: the same with the body, as text, and as what JSON or a form makes of it."""
    return Response.json(asked(request) | _body(request, await request.body()))


async def headers(request: Request) -> Response:
    """``GET /headers``: the fields of the request."""
    return Response.json({"headers": _fields(request)})


async def delay(request: Request) -> Response:
    """``GET /delay/{seconds}``: what ``/get`` answers, after a while (60 s at most)."""
    await asyncio.sleep(DELAY.read(request.params["seconds"]))
    return Response.json(asked(request))


async def status(request: Request) -> Response:
    """``GET /status/{code}``: an empty answer with a status from 200 to 599."""
    return Response(status=CODE.read(request.params["code"]))


def asked(request: Request) -> dict[str, Any]:
    """What was asked, as every endpoint here tells it."""
    host = request.headers.get("host") or ""
    return {
        "args": _grouped(request.query),
        "headers": _fields(request),
        "method": request.method,
        "origin": request.client.rpartition(":")[0] or request.client,
        "url": f"{_scheme(request)}://{host}{request.target}",
    }


def _body(request: Request, body: bytes) -> dict[str, Any]:
    text = body.decode(errors="replace")
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    form = _form(text) if kind == "application/x-www-form-urlencoded" else {}
    return {"data": "" if form else text, "form": form, "json": _json(body)}


def _form(text: str) -> dict[str, str | list[str]]:
    try:
        return _grouped(Query(text))
    except ValueError as error:
        raise HTTPError(400, "the form has more than 1000 members") from error


def _json(body: bytes) -> Any:
    try:
        value = json.loads(body)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


def _grouped(pairs: Query) -> dict[str, str | list[str]]:
    """A name's value, or its values where there are several."""
    values = grouped(pairs.items())
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _fields(request: Request) -> dict[str, str]:
    """Each field once, in the usual spelling, its values joined (RFC 9110, section 5.3)."""
    return {name.title(): ", ".join(values) for name, values in grouped(request.headers).items()}


def _scheme(request: Request) -> str:
    secure = request.exchange.connection.transport.get_extra_info("sslcontext")
    return "https" if secure is not None else "http"
