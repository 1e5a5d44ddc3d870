"""A small model with the interfaces of AI services, for tests and demonstrations.

Any client of those interfaces can use it, and it costs nothing.

    a request -> asked.Asked -> generation -> answer.Answer -> interface.Writer -> frames
                                                     pace.Pace -> the times of the frames

What is asked and answered, the form on the wire and the pace are separate, so all interfaces have
the same schedule, and a relay can be measured with the same bytes at another pace.

    openai/, anthropic/, ollama/   a service each: its requests, read, and its frames, written
    schema/                        instances of JSON Schema, for tools and forms of answers
    cost/                          with a profile, the pace of a simulated engine
"""

from streamserver.lab.model.routes import ModelErrors, add_model, add_ollama

__all__ = ["ModelErrors", "add_model", "add_ollama"]
