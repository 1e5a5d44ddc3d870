"""The closed form of the capacity, and the engine that it describes."""

from statistics import mean

import pytest

from streamserver.lab.model.cost.capacity import capacity
from streamserver.lab.model.cost.engine import Engine, Sequence
from streamserver.lab.model.cost.profile import Profile
from streamserver.lab.target.events import SECOND

MS = 1_000_000


def closed_loop(
    profile: Profile, prompt: int, tokens: int, clients: int, apart: float
) -> tuple[float, float]:
    """The completions per second, and the mean seconds from token to token, once the beginning is
    over, of clients that begin ``apart`` seconds from each other and ask again at once."""
    engine, ended, gaps = Engine(profile), list[int](), list[float]()

    def note(sequence: Sequence) -> None:
        if len(sequence.times) == tokens + 1:
            first, end = sequence.times[1], sequence.times[-1]
            ended.append(end)
            gaps.append((end - first) / max(tokens - 1, 1))

    starts = [round(n * apart * SECOND) for n in range(clients)]
    seen, last = 0, 100 * profile.max_sequences
    while len(ended) < last:
        now = min([*starts[:1], engine.step_end or starts[0]])
        engine.advance(now)
        for at in [*starts[: starts[:1] == [now]], *ended[seen:]]:
            engine.join([Sequence(prompt, tokens, note)], at)
        del starts[: starts[:1] == [now]]
        seen = len(ended)
    begin = last // 4
    count = sum([ended[begin] < at <= ended[-1] for at in ended])
    rate = count / (ended[-1] - ended[begin]) * SECOND
    return rate, mean(gaps[begin:]) / SECOND


PROFILES = {
    "decode alone": Profile(10 * MS, MS // 10, 0, max_sequences=16),
    "prompts too": Profile(10 * MS, MS // 10, MS // 10, max_sequences=16),
    "chunks": Profile(10 * MS, MS // 10, MS // 10, prefill_chunk=64, max_sequences=8),
    "one at a time": Profile(5 * MS, 0, MS // 5, max_sequences=1),
    "more places than a chunk admits": Profile(
        10 * MS, MS // 10, MS // 50, prefill_chunk=50, max_sequences=64
    ),
    "prompts that are cut by chunks": Profile(
        MS, 5 * MS, MS // 100, prefill_chunk=250, max_sequences=32
    ),
    "fewer places than such prompts take": Profile(
        MS, 5 * MS, MS // 100, prefill_chunk=250, max_sequences=2
    ),
}


@pytest.mark.parametrize("prompt", [0, 16, 200])
@pytest.mark.parametrize("tokens", [1, 40])
@pytest.mark.parametrize("name", PROFILES)
def test_the_engine_is_as_fast_as_its_capacity(name: str, prompt: int, tokens: int) -> None:
    profile = PROFILES[name]
    implied, places = capacity(profile, prompt, tokens), profile.max_sequences
    assert implied.output_tokens_per_second == tokens * implied.requests_per_second
    apart = 1 / implied.requests_per_second
    rate, tpot = closed_loop(profile, prompt, tokens, 3 * places, apart)
    assert rate == pytest.approx(implied.requests_per_second, rel=0.02)
    assert tokens == 1 or tpot == pytest.approx(implied.tpot, rel=0.05)
