"""The versions of HTTP that a server offers by ALPN (RFC 7301)."""

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.verdict import Verdict

NAME = "versions"
SECTION = "RFC 9113, section 3.2"
SIX = "browsers open at most six connections to a host, and each stream needs one"


def judge_versions(evidence: Evidence) -> Verdict:
    """What is offered. HTTP/1.1 alone is no fault, but has a limit that the evidence names."""
    versions, main = evidence.versions, evidence.main
    if not main.status and versions:
        seen = f"ALPN offers {' and '.join(versions)}, and the inspector speaks HTTP/1.1 only"
        return Verdict(NAME, "not seen", seen, SECTION)
    if not main.status:
        return Verdict(NAME, "not seen", "no response arrived", SECTION)
    if versions is None:
        seen = f"there is no TLS, so browsers use HTTP/1.1: {SIX}"
        return Verdict(NAME, "not seen", seen, SECTION)
    seen = f"ALPN offers {' and '.join(versions)}" if versions else "the server ignores ALPN"
    if "h2" not in versions:
        seen += f": {SIX}"
    services = ", ".join([value for name, value in main.fields if name == "alt-svc"])
    if "h3=" in services:
        seen += "; Alt-Svc offers h3"
    return Verdict(NAME, "ok", seen, SECTION)
