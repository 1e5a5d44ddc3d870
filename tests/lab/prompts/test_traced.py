"""Prompts of the lengths that a trace has."""

from io import StringIO

from streamserver.lab.load.trace import read_trace
from streamserver.lab.prompts.traced import Traced


def test_each_arrival_has_the_lengths_of_its_line() -> None:
    lines = [(7, 20), (1, 0), (300, 5)]
    text = "".join(
        f'{{"timestamp": {n}, "input_length": {prompt}, "output_length": {output}}}\n'
        for n, (prompt, output) in enumerate(lines)
    )
    source = Traced(read_trace(StringIO(text)))
    conversations = [source.open(3)(n) for n in range(3)]
    prompts = [one.turns[0][0]["content"] for one in conversations]
    assert [len(prompt.split()) for prompt in prompts] == [length for length, _ in lines]
    assert [one.max_tokens for one in conversations] == [limit for _, limit in lines]
    assert source.open(3)(0) == conversations[0] != source.open(4)(0)
