"""A thousand token deltas in the form of chat completions, the same in every run."""

import json
from random import Random

_WORDS = """
the of to and a in is it you that he was for on are with as his they be at one have this from or had
by hot but some what there we can out other were all your when up use word how said an each she
which do their time if will way about many then them would write like so these her long make thing
see him two has look more day could go come did my sound no most number who over know water than
call first people may down side been now find any new work part take get place made live where after
"""
_random = Random(1)


def _delta(word: str) -> bytes:
    delta = {
        "id": "chatcmpl-C8MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion.chunk",
        "created": 1_795_372_067,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_a1b2c3d4e5",
        "choices": [
            {"index": 0, "delta": {"content": word}, "logprobs": None, "finish_reason": None}
        ],
    }
    return f"data: {json.dumps(delta, separators=(',', ':'))}\n\n".encode()


DELTAS = [_delta(f" {_random.choice(_WORDS.split())}") for _ in range(1000)]
