"""What a profile implies for a load whose requests are all alike: the knee, in closed form.

P are the tokens of a prompt that are not cached, C those that a step processes at most
(``prefill_chunk``), O those of an answer, and M is ``max_sequences``. A sequence is in the batch
for S steps, alone for A = ceil(P / C) - 1 + O. The places are the limit if M sequences need fewer
prompts than steps process, M * P < C * A:

    S = A                                                B = M

Otherwise prompts fill each step. They begin at any multiple of gcd(P, C) within one, so that a
sequence needs further steps on average, and the chunk is the limit:

    S = min((P - gcd(P, C)) / C + O, M * P / C)          B = C * S / P

With B sequences in the batch, each place is taken once in these S steps, so that B prompts are
processed in them. They take

    T(B) = S * (decode_step + decode_step_per_sequence * B) + B * P * prefill_per_token

and the engine completes B / T(B) requests per second. Near M * P = C * A it completes up to 7 %
fewer, since the places and the chunk alternate as the limit.
"""

from dataclasses import dataclass
from math import gcd

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
    (T(B) - P * prefill_per_token) / S, since a sequence waits for the prompts of others; or
    T(B) / S if prompts fill each step."""
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
    chunk, places = profile.prefill_chunk, profile.max_sequences
    chunks, decoded = max(-(-prompt // chunk), 1), max(output_tokens, 1)
    steps: float = chunks - 1 + decoded
    batch: float = places
    if is_full := prompt * places >= chunk * steps:
        steps = min((prompt - gcd(prompt, chunk)) / chunk + decoded, places * prompt / chunk)
        batch = chunk * steps / prompt
    own = prompt * profile.prefill_per_token
    decoding = profile.decode_step + profile.decode_step_per_sequence * batch
    duration = steps * decoding + batch * own
    alone = profile.step_time(1)
    rate = batch / duration * SECOND
    return Capacity(
        sequences=batch,
        requests_per_second=rate,
        output_tokens_per_second=rate * output_tokens,
        tpot=(duration - (0 if is_full else own)) / steps / SECOND,
        unloaded_ttft=(chunks * alone + own) / SECOND,
        unloaded_tpot=alone / SECOND,
    )
