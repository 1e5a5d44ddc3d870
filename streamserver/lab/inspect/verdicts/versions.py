"""The versions of HTTP that a server offers by ALPN (RFC 7301)."""

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.verdict import Finding

SIX = "browsers open at most six connections to a host, and each stream needs one"


def judge_versions(evidence: Evidence) -> Finding:
    """What is offered. HTTP/1.1 alone is no fault, but has a limit that the evidence names."""
    versions, main = evidence.versions, evidence.main
    offered = f"ALPN offers {' and '.join(versions)}" if versions else "the server ignores ALPN"
    if not main.status:
        why = f"{offered}, and the inspector speaks HTTP/1.1 only"
        return Finding("not seen", why if versions else "no response arrived")
    if versions is None:
        return Finding("not seen", f"there is no TLS, so browsers use HTTP/1.1: {SIX}")
    if "h2" not in versions:
        offered += f": {SIX}"
    if "h3=" in main.value("alt-svc"):
        offered += "; Alt-Svc offers h3"
    return Finding("ok", offered)
