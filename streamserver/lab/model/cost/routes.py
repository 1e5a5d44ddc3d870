"""``GET /lab/profile``: the model of cost, the state of its engine, and its capacity."""

from dataclasses import asdict
from os import getpid

from streamserver.kit.params import whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.lab.model.asked import Json
from streamserver.lab.model.cost.capacity import capacity
from streamserver.lab.model.cost.simulation import Simulation
from streamserver.lab.parameters import Documented
from streamserver.lab.target.parameters import read_parameters
from streamserver.wire.json_text import to_indented_json

_MOST = 1_000_000
INPUT = whole("input_tokens", 0, _MOST, default=0)
OUTPUT = whole("output_tokens", 1, _MOST)
CACHED = whole("cached_tokens", 0, _MOST, default=0)
DOCUMENTED: tuple[Documented, ...] = (
    (INPUT, "tokens of the prompt of each request"),
    (OUTPUT, "tokens of each answer; the response has the capacity for such requests"),
    (CACHED, "those of the prompt that are cached"),
)
LOAD = tuple(one.name for one, _ in DOCUMENTED)


def add_profile(app: Router, simulation: Simulation | None) -> None:
    """Add the endpoint, as ``/profile`` too for a target that is mounted at /lab."""

    @app.get("/lab/profile")
    @app.get("/profile")
    async def profile(request: Request) -> Response:
        shown: Json = {
            "process": getpid(),
            "of": "this process alone; other workers have their own",
        }
        load = read_parameters(request, LOAD)
        shown |= simulation.state() if simulation else {"profile": None}
        if simulation and load.items():
            tokens = [one.of(load) for one in (INPUT, OUTPUT, CACHED)]
            found = asdict(capacity(simulation.profile, *tokens))
            shown["capacity"] = {name: round(value, 6) for name, value in found.items()}
        headers = {"content-type": "application/json", "cache-control": "no-store"}
        return Response(to_indented_json(shown) + "\n", headers=headers)
