"""A small model behind the interface of a large one: the chat's upstream when there is no other.

It speaks the chat completions interface of OpenAI, which has become what services and their
clients agree on, so it can be asked with any client of that, and costs nothing. What it says
(``answers``), what that looks like on the wire (``shape``), what may be asked (``asked``) and
when each token is due (``routes``) are kept apart: whoever measures a relay wants the same
shape at another pace.
"""

from streamserver.lab.model.routes import add_model

__all__ = ["add_model"]
