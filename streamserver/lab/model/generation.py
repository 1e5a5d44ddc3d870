"""From a request to the answer of the model. Pure: the same request gets the same answer."""

from itertools import cycle, islice

from streamserver.lab.model.answer import Answer, Choice, Part
from streamserver.lab.model.asked import IMAGE_TOKENS, Asked
from streamserver.lab.model.text import answer_text, tokenize


def generate(asked: Asked, count: int = 0) -> Answer:
    """The answer within its limits. ``count``: the tokens of the text, which repeats as often as
    needed; 0 for the text once."""
    tokens = tokenize(answer_text(asked.conversation))
    if count:
        tokens = list(islice(cycle(tokens), count))
    allowed = tokens[: asked.max_tokens]
    choice = Choice([Part("text", allowed)], "stop" if len(allowed) == len(tokens) else "length")
    return Answer(asked.model, [choice], count_input(asked))


def count_input(asked: Asked) -> int:
    """The tokens of the conversation."""
    texts = sum([len(tokenize(message.content)) for message in asked.conversation])
    return texts + IMAGE_TOKENS * sum([message.images for message in asked.conversation])
