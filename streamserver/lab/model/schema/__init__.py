"""Instances of JSON Schema: arguments of tools, and answers of a given form.

    a schema -> document.Document -> instances.Maker -> a value -> JSON

The subset is the one that structured outputs of the services allow, and a little more. A schema may
be hostile, so its size is limited, and so are the values and the steps of an
instance. What cannot be satisfied is an error that names the keyword and its place.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from streamserver.lab.model.schema.document import Document, Schema, SchemaError, TooManySteps
from streamserver.lab.model.schema.instances import MAX_STEPS, Maker
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import HTTPError

MAX_CHARACTERS = 400_000
MAX_ALL_STEPS = 2 * MAX_STEPS


class Form:
    """A schema of a request, for the instances of all its choices, which together have at most
    ``MAX_CHARACTERS`` and take at most ``MAX_ALL_STEPS``."""

    def __init__(self, schema: Schema, name: str, *further: Schema, member: str = "") -> None:
        """``name`` describes the schema in errors, and ``member`` is the member of the request that
        has it, by default the same. The further schemas hold too. HTTPError 400 that names the
        keyword and its place, for a schema that is not served."""
        self._name = name
        self._member = member or name
        self._steps = MAX_ALL_STEPS
        self._characters = MAX_CHARACTERS
        with self._named():
            self._document = Document(schema, *further)

    def instance(self, random: Random) -> str:
        """JSON that is valid against the schemas; HTTPError 400 if there is none within the
        limits."""
        with self._named():
            maker = Maker(self._document, random, min(MAX_STEPS, self._steps))
            text = to_json(maker.make())
            text.encode()
            self._steps = max(0, self._steps - maker.steps)
            self._characters -= len(text)
            if self._characters < 0:
                raise SchemaError(f"the values have more than {MAX_CHARACTERS} characters")
        return text

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors name the member of the request."""
        try:
            yield
        except SchemaError as error:
            raise self._error(str(error)) from error
        except TooManySteps as error:
            problem = f"a value takes more than {MAX_STEPS} steps"
            if self._steps < MAX_STEPS:
                problem = f"the values of all choices take more than {MAX_ALL_STEPS} steps"
            raise self._error(problem) from error
        except ValueError as error:
            # UnicodeEncodeError is one too.
            problem = "a value has half of a surrogate pair, or a number that is not finite"
            raise self._error(problem) from error
        except RecursionError as error:
            raise self._error("a value is nested too deeply") from error

    def _error(self, problem: str) -> HTTPError:
        return HTTPError(400, f"{self._name}: {problem}", parameter=self._member)
