"""Prompts of the lengths that a trace has: synthetic ones, each with the limit of its answer."""

from collections.abc import Callable
from dataclasses import dataclass

from streamserver.lab.load.trace import Trace
from streamserver.lab.prompts.conversation import Conversation
from streamserver.lab.prompts.synthetic import Lengths, Synthetic


@dataclass(frozen=True, slots=True)
class Traced:
    """One prompt for each arrival of a trace that has lengths."""

    trace: Trace
    turns = 1
    text = ""

    def open(self, seed: int) -> Callable[[int], Conversation]:
        """A function from the number of an arrival to its prompt."""
        inputs, outputs = self.trace.inputs, self.trace.outputs

        def conversation(n: int) -> Conversation:
            length = inputs[n % len(inputs)]
            prompt = Synthetic(Lengths(length, length)).open(seed)(n)
            return prompt._replace(max_tokens=outputs[n % len(outputs)])

        return conversation
