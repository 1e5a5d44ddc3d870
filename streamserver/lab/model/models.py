"""The names of the model, and the interface that lists them."""

from streamserver.kit.params import number
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.model.asked import Json
from streamserver.wire.problem import HTTPError

CREATED = 1735689600  # 2025-01-01: clients expect a date
MODELS = {
    name: number("tokens_per_second", 1, 1000, default=pace)
    for name, pace in (("streamserver-demo", 30), ("streamserver-demo-fast", 300))
}
"""The models differ only in the default of this parameter, which is no part of OpenAI's API."""


def known_model(name: str) -> str:
    """``name``; HTTPError 404 if there is no such model."""
    if name not in MODELS:
        detail = f"the model {name!a} does not exist: there are {' and '.join(MODELS)}"
        raise HTTPError(404, detail, parameter="model", code="model_not_found")
    return name


async def list_models(request: Request) -> Response:
    """``GET /v1/models``."""
    return Response.json({"object": "list", "data": [*map(_object, MODELS)]})


async def get_model(request: Request) -> Response:
    """``GET /v1/models/{name}``."""
    return Response.json(_object(known_model(request.params["name"])))


def _object(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "streamserver"}
