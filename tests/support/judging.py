"""Verdicts in tests."""

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.inspection import judge
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdict import Status, Verdict


def verdict(name: str, evidence: Evidence | Message) -> Verdict:
    """The verdict of this name. What is wrong comes with what to change, first of all for the
    server, and nothing else does."""
    if isinstance(evidence, Message):
        evidence = Evidence(evidence)
    found = {one.name: one for one in judge(evidence)}[name]
    assert (found.status == "wrong") == bool(found.remedies), found
    assert not found.remedies or found.remedies[0].where == "server"
    assert found.evidence
    return found


def status(name: str, evidence: Evidence | Message) -> Status:
    """Its status."""
    return verdict(name, evidence).status
