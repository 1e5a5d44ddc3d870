"""Embeddings of OpenAI: a unit vector for each input, computed from its hash.

The same input always has the same vector. A vector of fewer dimensions has the first numbers of a
longer one, scaled. Vectors of similar inputs are not similar. There is no stream, so the schedule
is only the time to the response: that of the simulated engine, unless ``first_byte_delay`` commands
another.
"""

import hashlib
import struct
from array import array
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot

from streamserver.kit.params import one_of, text, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.lab.model.answer import Answer, Choice
from streamserver.lab.model.asked import Asked, Message
from streamserver.lab.model.generation import MAX_TEXT
from streamserver.lab.model.members import (
    check_members,
    check_values,
    report_without_effect,
    request_members,
    wrong,
)
from streamserver.lab.model.models import Models, read_model
from streamserver.lab.model.openai.prompts import read_prompts
from streamserver.lab.model.text import tokenize
from streamserver.lab.target.events import SECOND
from streamserver.lab.target.pacing import Clock, Lateness
from streamserver.lab.target.parameters import START, read_options
from streamserver.lab.target.streams import seed_field, wait_for_head
from streamserver.wire.json_text import to_json

EMBEDDINGS = "/v1/embeddings"
MAX_INPUTS = 2048
MAX_TOKENS = 8192
"""The most tokens of one input."""
MAX_NUMBERS = 2**20
"""The most numbers of all vectors of a response."""
_SERVED = ("model", "input", "dimensions", "encoding_format")
_dimensions = whole("dimensions", 1, 4096, default=1536)
_format = one_of("encoding_format", "float", "base64", default="float")
_user = text("user", 0, 512)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks."""

    model: str
    inputs: Sequence[str]
    tokens: int
    """The tokens of all inputs."""
    dimensions: int
    is_base64: bool
    without_effect: Sequence[str]


def embeddings(lateness: Lateness, models: Models) -> Handler:
    """The handler of ``POST /v1/embeddings``."""

    async def handler(request: Request) -> Response:
        options = read_options(request, START)
        asked = _read(await request_members(request))
        models.check(asked.model)
        clock = Clock(request.exchange, lateness)
        pace, offset = None, round(options.first_byte_delay * SECOND)
        if models.simulation is not None and not offset:
            _, pace = models.simulation.admit(request.exchange, clock, *_sequences(asked))
        vectors = []
        for given in asked.inputs:
            vectors.append(_written(vector(given, asked.dimensions), asked.is_base64))
            await clock.pacer.pause()
        if pace is not None:
            offset = await pace.offset(0) or 0
        await wait_for_head(options, clock)
        await clock.wait_until(clock.start + offset)
        headers = {**seed_field(options), "content-type": "application/json"}
        response = Response(_whole(asked, vectors), headers=headers)
        report_without_effect(response, asked.without_effect)
        return response

    return handler


def _sequences(asked: _Asked) -> tuple[Asked, Answer]:
    """What the simulated engine computes: a sequence for each input, which ends with its prompt."""
    first, *further = [[Message("user", given)] for given in asked.inputs]
    choices = [Choice((), "stop")] * len(asked.inputs)
    return Asked(asked.model, first, further), Answer(asked.model, choices, asked.tokens)


def vector(given: str, dimensions: int) -> Sequence[float]:
    """The unit vector of an input, of numbers of 32 bits."""
    digest = hashlib.shake_256(given.encode()).digest(4 * dimensions)
    numbers = struct.unpack(f"<{dimensions}i", digest)
    length = hypot(*numbers) or 1.0
    return array("f", [number / length for number in numbers])


def _read(members: Mapping[str, object]) -> _Asked:
    """The request in a JSON object; HTTPError 400 that names a wrong member."""
    without_effect = check_members(members, _SERVED, ("user",))
    check_values(members, (_user,))
    inputs = read_prompts("input", members.get("input"), MAX_INPUTS)
    dimensions = _dimensions.of(members)
    if len(inputs) * dimensions > MAX_NUMBERS:
        most = MAX_NUMBERS // dimensions
        raise wrong("input", f"at most {most} inputs, with {dimensions} dimensions each")
    if sum(map(len, inputs)) > MAX_TEXT:
        raise wrong("input", f"at most {MAX_TEXT} characters in all")
    counts = [len(tokenize(one)) for one in inputs]
    for n, count in enumerate(counts):
        if not 1 <= count <= MAX_TOKENS:
            raise wrong(f"input[{n}]", f"1 to {MAX_TOKENS} tokens long, not {count}")
    is_base64 = _format.of(members) == "base64"
    model, _ = read_model(members)
    return _Asked(model, inputs, sum(counts), dimensions, is_base64, without_effect)


def _whole(asked: _Asked, vectors: Sequence[str]) -> str:
    usage = {"prompt_tokens": asked.tokens, "total_tokens": asked.tokens}
    objects = [
        f'{{"object":"embedding","index":{n},"embedding":{one}}}' for n, one in enumerate(vectors)
    ]
    model, data, counted = to_json(asked.model), ",".join(objects), to_json(usage)
    return f'{{"object":"list","data":[{data}],"model":{model},"usage":{counted}}}'


def _written(numbers: Sequence[float], is_base64: bool) -> str:
    """The numbers in JSON, or the base64 of their 32 bits each, little-endian."""
    if is_base64:
        return f'"{b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()}"'
    return f"[{','.join([f'{number:.9g}' for number in numbers])}]"
