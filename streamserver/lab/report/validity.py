"""Whether anything was measured.

Exchanges that received no response say nothing about a service: the URL may name the wrong port, or
the network may be down. A service that answers with failures is a finding instead.
"""

from streamserver.lab.report.summary import Summary


def unreached(summary: Summary) -> str:
    """Why no exchange received a response; "" if one did."""
    if not summary.ends.total():
        return "no exchange counts: none began, or all belong to the warm-up"
    if summary.statuses.total() > summary.statuses[0]:
        return ""
    return f"no exchange received a response: {ended(summary)}"


def failed(summary: Summary) -> str:
    """Why no exchange ended well; "" if one did."""
    if summary.ends["complete"]:
        return ""
    return unreached(summary) or f"no exchange ended well: {ended(summary)}"


def ended(summary: Summary) -> str:
    """How the exchanges ended, with the most frequent reason: ``unconnected 20 (refused)``."""
    counts = ", ".join(f"{end} {count}" for end, count in summary.ends.most_common())
    reasons = "".join(f" ({reason})" for reason, _ in summary.reasons.most_common(1))
    return counts + reasons
