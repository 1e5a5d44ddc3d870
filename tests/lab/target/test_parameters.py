"""Which parameters a stream takes, how, and what a wrong one is refused with."""

import json

import pytest

from streamserver.lab.target.parameters import IGNORED, PARAMETERS
from support.asking import Answered, ask
from support.inprocess import Served

PATHS = ("/sse", "/jsonl", "/raw")


def refusal(answered: Answered) -> tuple[str, str]:
    """The name that is refused, and the detail."""
    problem = json.loads(answered.body)
    assert answered.status == 400
    return problem["parameter"], problem["detail"]


@pytest.mark.parametrize(
    ("query", "name", "allowed"),
    [
        ("head_delay=61", "head_delay", "from 0 to 60"),
        ("first_byte_delay=-1", "first_byte_delay", "from 0 to 60"),
        ("count=1000001", "count", "from 0 to 1000000"),
        ("gap=nan", "gap", "from 0 to 60"),
        ("jitter=pareto", "jitter", "one of none, uniform, normal, lognormal, exponential"),
        ("spread=1.01", "spread", "from 0 to 1"),
        ("burst=0", "burst", "from 1 to 1000"),
        ("size=1048577", "size", "from 0 to 1048576"),
        ("size_jitter=", "size_jitter", "one of none"),
        ("size_spread=2", "size_spread", "from 0 to 1"),
        ("text=utf16", "text", "one of ascii, utf8"),
        ("bandwidth=-1", "bandwidth", "from 0 to 10000000000"),
        ("seed=-1", "seed", "from 0 to 9007199254740992"),
        ("stamps=yes", "stamps", "one of 0, 1"),
        ("line_end=nel", "line_end", "one of lf, crlf, cr"),
        ("chunk_events=0", "chunk_events", "from 1 to 1000"),
        ("chunk_size=x", "chunk_size", "from 0 to"),
        ("chunk_split=framing", "chunk_split", "one of none, event, character, crlf"),
        ("write_events=1001", "write_events", "from 0 to 1000"),
        ("write_size=1.5", "write_size", "from 0 to"),
        ("write_split=half", "write_split", "one of none, event, character, crlf, framing"),
        ("write_gap=11", "write_gap", "from 0 to 10"),
        # Limits of several together.
        ("count=3601&gap=1", "gap", "at most 3,600, not 3,601"),
        (
            "count=1000&gap=0&size=1048576&bandwidth=0&size_jitter=uniform",
            "size",
            "at most 1,048,576, not",
        ),
        ("count=1025&gap=0&size=1048576", "count", "at most 1,073,741,824, not 1,074,790,400"),
        ("count=100&gap=0&size=100&bandwidth=2", "bandwidth", "at most 3,600, not 5,000"),
        ("chunk_events=100&size=1000", "chunk_events", "at most 65,536, not 100,000"),
        ("write_events=40&size=1000&size_jitter=normal", "write_events", "at most 65,536"),
        ("count=1000&size=100&write_size=1&write_gap=1", "write_gap", "at most 3,600"),
        ("write_events=1000&size=65&chunk_size=1", "chunk_size", "at most 8,192, not 10"),
        ("write_events=1&size=8192&chunk_size=1", "chunk_size", "at most 8,192, not 8,2"),
        ("write_events=1000&size=9&stamps=1&chunk_size=16", "chunk_size", "at most 8,192, not 1"),
        # Parameters that need another.
        ("spread=0.5", "spread", "needs jitter"),
        ("jitter=normal&size_spread=0", "size_spread", "needs size_jitter"),
        ("chunk_events=2&write_events=3", "write_events", "0 or a multiple of chunk_events (2)"),
        ("chunk_split=character", "chunk_split", "needs text=utf8"),
        ("write_split=crlf&line_end=cr", "write_split", "needs line_end=crlf"),
        # Unknown ones, those of other endpoints, and repeated ones.
        ("gaps=1", "gaps", "parameter 'gaps' (did you mean 'gap'?); allowed here: bandwidth, "),
        ("jitter=norml", "jitter", "not 'norml' (did you mean 'normal'?)"),
        ("frist_byte_delay=1", "frist_byte_delay", "(did you mean 'first_byte_delay'?)"),
        ("fualt=rst", "fualt", "(did you mean 'fault'?)"),
        ("fail_firts=1", "fail_firts", "(did you mean 'fail_first'?)"),
        ("slot=1", "slot", "(did you mean 'slots'?)"),
        ("gap=2m", "gap", "a duration from 0 to 60 seconds, as in 0.5 or 500ms, not 120.0"),
        ("size=1M", "size", "a size from 0 to 1048576 bytes, as in 1000 or 64KiB, not '1M'"),
        ("bandwidth=11GB", "bandwidth", "not 11000000000"),
        ("tokens=5", "tokens", "unknown parameter"),
        ("gap=1&gap=1", "gap", "more than once"),
        ("%00=1", "\0", "unknown parameter"),
    ],
)
async def test_a_wrong_parameter_is_named_with_what_is_allowed(
    target: Served, query: str, name: str, allowed: str
) -> None:
    named, detail = refusal(await ask(target, f"/sse?{query}"))
    assert named == name
    assert allowed in detail


@pytest.mark.parametrize("path", PATHS)
async def test_a_field_means_the_same_as_a_parameter_of_the_query(
    target: Served, path: str
) -> None:
    fields = {"X-Lab-Count": "3", "X-Lab-Gap": "0", "X-Lab-Size-Jitter": "uniform"}
    by_fields = await ask(target, f"{path}?seed=5", fields=fields)
    by_query = await ask(target, f"{path}?seed=5&count=3&gap=0&size_jitter=uniform")
    assert by_fields.status == 200
    assert by_fields.body == by_query.body


async def test_parameters_may_have_units(target: Served) -> None:
    rest = "seed=5&count=2&chunk_split=event"
    plain = await ask(target, f"/raw?{rest}&gap=0.001&size=2048&bandwidth=1000000&write_size=512")
    query = f"/raw?{rest}&gap=1ms&size=2KiB&bandwidth=1MB&write_size=0.5KiB"
    with_units = await ask(target, query, fields={"X-Lab-Head-Delay": "1ms"})
    assert (with_units.status, with_units.body) == (200, plain.body)


async def test_the_query_takes_precedence(target: Served) -> None:
    answered = await ask(target, "/jsonl?count=2&gap=0", fields={"X-Lab-Count": "3"})
    assert answered.body.count(b"\n") == 2


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [("X-Lab-Gap", "99", "gap"), ("X-Lab-Size-Jit", "normal", "size_jit"), ("X-Lab-", "1", "")],
)
async def test_a_wrong_field_is_named(target: Served, field: str, value: str, name: str) -> None:
    named, detail = refusal(await ask(target, "/raw", fields={field: value}))
    assert named == name
    assert name in detail


async def test_a_refusal_lists_all_that_is_allowed(target: Served) -> None:
    """The parameters of the endpoint, and the one that is ignored."""
    _, detail = refusal(await ask(target, "/raw?no=1"))
    assert f"({IGNORED} is ignored)" in detail
    named = {name for name in PARAMETERS if f" {name}," in detail or f" {name} " in detail}
    tokens = {"tokens", "tokens_per_second", "first_token_delay", "reasoning_tokens", "refuse"}
    assert named == PARAMETERS.keys() - tokens - {"stamps", "line_end"}


async def test_one_name_is_ignored(target: Served) -> None:
    answered = await ask(target, f"/jsonl?count=1&{IGNORED}=1&{IGNORED}=2")
    assert answered.status == 200


async def test_head_is_checked(target: Served) -> None:
    """The response has no body, which h11 as the client confirms."""
    answered = await ask(target, "/sse?count=5", "HEAD")
    assert (answered.status, answered.body) == (200, b"")
    assert (await ask(target, "/sse?count=x", "HEAD")).status == 400


async def test_a_batch_of_lines_is_limited_with_the_fields_that_they_repeat(
    target: Served,
) -> None:
    fields = {"X-Long": "x" * 2000}
    answered = await ask(target, "/stream/1?write_events=1000", fields=fields)
    name, detail = refusal(answered)
    assert name == "write_events"
    assert "bytes that leave together" in detail
    assert "at most 1,048,576" in detail
    assert (await ask(target, "/stream/1?write_events=100", fields=fields)).status == 200
