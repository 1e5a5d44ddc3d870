"""The names of the model, and the interface that lists them.

A harness or a client often has a name of its own, so every name is served unless the target is
strict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamserver.kit.params import number, text
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.model.asked import Json
from streamserver.lab.model.cost.simulation import Simulation
from streamserver.wire.problem import HTTPError

_ANTHROPIC = "anthropic-version"
"""The field that all requests of Anthropic's clients have."""
CREATED = 1735689600  # 2025-01-01: clients expect a date
DEMO, FAST = "streamserver-demo", "streamserver-demo-fast"
LISTED = (DEMO, FAST)
_name = text("model", 1, 200)
_paces = {
    name: number("tokens_per_second", 1, 1000, default=pace)
    for name, pace in ((DEMO, 30), (FAST, 300))
}


def read_model(members: Mapping[str, object]) -> tuple[str, float]:
    """The name that a request gives, and the tokens per second: those of the member
    ``tokens_per_second``, which is no part of the services' interfaces, else the model's own.

    HTTPError 400 for a wrong member.
    """
    name = _name.of(members)
    return name, _paces.get(name, _paces[DEMO]).of(members)


@dataclass(frozen=True, slots=True)
class Models:
    """The models that are listed, and whether there are no others."""

    names: Sequence[str] = LISTED
    is_strict: bool = False
    simulation: Simulation | None = None
    """The engine that all of them share; without one, each answer has a rate of its own."""

    def check(self, name: str) -> None:
        """HTTPError 404 if there is no such model. ``:latest`` is the default of Ollama's tags."""
        if self.is_strict and not {name, name.removesuffix(":latest")} & {*self.names}:
            detail = f"the model {name!a} does not exist: there are {' and '.join(self.names)}"
            raise HTTPError(404, detail, parameter="model", code="model_not_found")

    async def list(self, request: Request) -> Response:
        """``GET /v1/models``."""
        listed = [_object(request, name) for name in self.names]
        if _ANTHROPIC in request.headers:
            ends = {"first_id": self.names[0], "last_id": self.names[-1], "has_more": False}
            return Response.json({"data": listed, **ends})
        return Response.json({"object": "list", "data": listed})

    async def get(self, request: Request) -> Response:
        """``GET /v1/models/{name}``."""
        name = request.params["name"]
        self.check(name)
        return Response.json(_object(request, name))


ALL = Models()
"""Every model is served."""


def _object(request: Request, name: str) -> Json:
    """A model in the form of the service whose client asks."""
    if _ANTHROPIC in request.headers:
        dated = {"created_at": "2025-01-01T00:00:00Z", "lifecycle": "active"}
        return {"type": "model", "id": name, "display_name": name, **dated}
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "streamserver"}
