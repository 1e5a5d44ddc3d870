"""From what a producer raised to the answer that the client gets."""

import logging

from streamserver.server.descriptors import Descriptors, is_exhausted, unavailable
from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")


def failed() -> HTTPError:
    """The answer where the reason is for the log alone."""
    return HTTPError(500, "the server failed to answer this request")


def problem_of(
    error: BaseException, method: str, target: str, descriptors: Descriptors
) -> HTTPError:
    """The error if it is an answer; any other is logged, and 503 where the system is exhausted."""
    if isinstance(error, HTTPError):
        return error
    if is_exhausted(error):
        descriptors.report(error, "requests are answered with 503")
        return unavailable("this request")
    log.error("%s %s failed", method, target, exc_info=error)
    return failed()
