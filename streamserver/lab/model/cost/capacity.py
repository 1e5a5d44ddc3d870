"""What a profile implies for a load whose requests are all alike: the knee, in closed form.

A sequence is in the batch for S = ceil(P / prefill_chunk) - 1 + O steps, where P are the tokens of
its prompt that are not cached, and O those of its answer. With B sequences in the batch, each place
is taken once in these S steps, so that B prompts are processed in them. They take

    T(B) = S * (decode_step + decode_step_per_sequence * B) + B * P * prefill_per_token

and the engine completes B / T(B) requests per second. B is at most ``max_sequences``, and no more
than a step can admit: prefill_chunk * S / P.
"""

from dataclasses import dataclass

from streamserver.lab.model.cost.profile import Profile
from streamserver.lab.target.events import SECOND


@dataclass(frozen=True, slots=True)
class Capacity:
    """The limit of an engine for requests of one kind. Times are in seconds."""

    sequences: float
    """The mean number of sequences in the batch at the limit."""
    requests_per_second: float
    """The knee: with more requests, the queue grows without end."""
    output_tokens_per_second: float
    tpot: float
    """Time per output token after the first, at the limit, if the requests do not begin together:
    (T(B) - P * prefill_per_token) / S, since a sequence waits for the prompts of others."""
    unloaded_ttft: float
    """Time from the request to the first token, of a request that is alone."""
    unloaded_tpot: float
    """Time per output token after the first, of a request that is alone."""


def capacity(
    profile: Profile, input_tokens: int, output_tokens: int, cached_tokens: int = 0
) -> Capacity:
    """The limit for requests with one choice, and with these tokens in the prompt, in the answer
    and in the cache."""
    prompt = max(input_tokens - cached_tokens, 0)
    chunks = max(-(-prompt // profile.prefill_chunk), 1)
    steps = chunks - 1 + max(output_tokens, 1)
    batch: float = profile.max_sequences
    if prompt:
        batch = min(batch, profile.prefill_chunk * steps / prompt)
    own = prompt * profile.prefill_per_token
    decoding = profile.decode_step + profile.decode_step_per_sequence * batch
    duration = steps * decoding + batch * own
    alone = profile.step_time(1)
    rate = batch / duration * SECOND
    return Capacity(
        sequences=batch,
        requests_per_second=rate,
        output_tokens_per_second=rate * output_tokens,
        tpot=(duration - own) / steps / SECOND,
        unloaded_ttft=(chunks * alone + own) / SECOND,
        unloaded_tpot=alone / SECOND,
    )
