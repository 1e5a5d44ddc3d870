"""The official clients in node, and the AI SDK with its default interface, the responses."""

from pathlib import Path
from typing import Any

from streamserver.lab.model.text import REASONING, tokenize
from streamserver.lab.target.app import make_target
from support.inprocess import Serve
from support.model import TEXT, TOKENS
from support.node_cases import Call, run_node

CLIENTS = Path(__file__).with_name("responses_clients.cjs")
PACKAGES = ("openai", "ai", "@ai-sdk/openai")
FAST = {"X-Lab-Tokens-Per-Second": "5000", "X-Lab-Stamps": "1"}
MESSAGE = "this error was requested"
VECTORS = {"lengths": [1536, 1536], "tokens": 2}
DELTA = "response.output_text.delta"
ANSWERS: dict[str, Any] = {
    "response": {"text": TEXT, "status": "completed"},
    "generateText": {"text": TEXT, "finishReason": "stop", "tokens": len(TOKENS)},
    "reasoning": {
        "reasoning": REASONING,
        "reasoningTokens": len(tokenize(REASONING)),
        "textTokens": len(TOKENS),
    },
    "agent": [["tool-calls", 1], ["stop", 0]],
}
"""What each function returns."""


async def test_node_clients(serve: Serve) -> None:
    server = await serve(make_target())

    def call(name: str, fields: dict[str, str] = FAST) -> Call:
        return name, {"baseURL": f"{server.url}/v1", "headers": fields}

    errors = [FAST | {"X-Lab-Fault": f"error@event:5{one}"} for one in ("", ":openrouter")]
    names = [*ANSWERS, "call", "streamText", "object"]
    calls = [*map(call, names), call("embeddings", {}), call("embedMany", {})]
    calls += [call(name, fields) for name in ("failed", "brokenText") for fields in errors]
    results = await run_node(CLIENTS, calls, *PACKAGES)
    values: list[Any] = [one.get("value") for one in results]
    assert dict(zip(ANSWERS, values, strict=False)) == ANSWERS, results
    function, streamed, made, *vectors = values[len(ANSWERS) : -4]
    assert (function["name"], function["city"]) == ("weather", "string")
    assert function["types"]["response.function_call_arguments.delta"] > 1
    assert (streamed["text"], streamed["kinds"]["text-delta"]) == (TEXT, len(TOKENS))
    assert {*made} == {"city"}
    assert vectors == [VECTORS, VECTORS]
    check_errors_in_band(results[-4:])


def check_errors_in_band(results: list[dict[str, Any]]) -> None:
    """An error event raises. The client of OpenAI passes a response that failed on as an event."""
    raised, failed, *broken = results
    assert (raised["raised"], raised["message"]) == ("APIError", MESSAGE)
    assert raised["error"]["code"] == "server_error"
    assert failed["value"]["response.failed"] == 1
    assert [one["value"] for one in broken] == [
        {"errors": [MESSAGE], "finishReason": "error"},
        {"errors": [MESSAGE], "finishReason": "error"},
    ]
