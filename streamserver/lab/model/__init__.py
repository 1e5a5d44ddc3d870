"""A small model with the chat completions interface of OpenAI, for tests and demonstrations.

Any client of that interface can use it, and it costs nothing. The text and the objects on the wire
(``completions``), the validation of requests (``requests``) and the pace (``routes``) are separate,
so a relay can be measured with the same bytes at another pace.
"""

from streamserver.lab.model.routes import OpenAIErrors, add_model

__all__ = ["OpenAIErrors", "add_model"]
