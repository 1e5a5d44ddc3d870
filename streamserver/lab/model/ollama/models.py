"""What clients of Ollama ask about its version and its models."""

import hashlib
from collections.abc import Iterator

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.lab.model.asked import Json
from streamserver.lab.model.members import flag, request_members
from streamserver.lab.model.models import CREATED, Models, read_model
from streamserver.lab.model.ollama.lines import timestamp
from streamserver.lab.model.reading import Reading

VERSION = "0.13.0"
"""The version of Ollama whose interface this is: clients use no newer feature."""
CONTEXT_LENGTH = 131_072
"""The length in tokens; a request may have fewer."""
_verbose = flag("verbose")
_FAMILY = "streamserver"
_FOREVER = "2318-01-01T00:00:00Z"
_DATE = timestamp(CREATED * 1_000_000_000)


def information(models: Models) -> Iterator[tuple[str, str, Handler]]:
    """The methods, the paths and the handlers. Each listed model is loaded at all times."""

    async def version(request: Request) -> Response:
        return Response.json({"version": VERSION})

    async def tags(request: Request) -> Response:
        return Response.json({"models": [*map(_listed, models.names)]})

    async def ps(request: Request) -> Response:
        loaded = {"expires_at": _FOREVER, "size_vram": 0, "context_length": CONTEXT_LENGTH}
        return Response.json({"models": [_listed(name) | loaded for name in models.names]})

    async def show(request: Request) -> Response:
        members = Reading().members("", await request_members(request), ("model", "verbose"))
        models.check(read_model(members)[0])
        _verbose.of(members)
        return Response.json(_shown())

    yield "GET", "/api/version", version
    yield "GET", "/api/tags", tags
    yield "GET", "/api/ps", ps
    yield "POST", "/api/show", show


def _listed(name: str) -> Json:
    tagged = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    digest = hashlib.sha256(tagged.encode()).hexdigest()
    described = {"modified_at": _DATE, "size": 0, "digest": digest, "details": _details()}
    return {"name": tagged, "model": tagged} | described


def _details() -> Json:
    """The details of a model without weights."""
    return {
        "parent_model": "",
        "format": "",
        "family": _FAMILY,
        "families": [_FAMILY],
        "parameter_size": "0B",
        "quantization_level": "",
    }


def _shown() -> Json:
    names = {"general.architecture": _FAMILY, f"{_FAMILY}.context_length": CONTEXT_LENGTH}
    return {
        "license": "",
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _details(),
        "model_info": names,
        "capabilities": ["completion", "tools", "thinking", "vision"],
        "modified_at": _DATE,
    }
