"""Requests for messages of Anthropic, validated."""

from collections.abc import Mapping

from streamserver.lab.model.asked import Asked, Message
from streamserver.lab.model.models import MODELS, known_model
from streamserver.lab.model.openai_requests import _conversation, _model, _stream


def message_request(members: Mapping[str, object]) -> Asked:
    model = known_model(_model.of(members))
    messages = [Message(m["role"], m["content"]) for m in _conversation.of(members)]
    return Asked(model, messages, _stream.of(members), MODELS[model].of(members))
