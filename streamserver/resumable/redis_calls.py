"""The keys of answers in Redis, and how scripts are run."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from streamserver.feed.redis_client import Connections
from streamserver.resumable.redis_scripts import Script
from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")


def unreachable(error: Exception) -> HTTPError:
    """The error of a store that does not answer."""
    log.error("a Redis command of an answer failed: %s", error)
    detail = "the store of answers is out of reach: try again"
    return HTTPError(503, detail, headers={"Retry-After": "1"})


class Keys:
    """Names of keys, all below ``prefix``."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def state(self, id: str) -> str:
        """What is known of an answer."""
        return f"{self.prefix}state:{id}"

    def log(self, id: str) -> str:
        """The events of an answer."""
        return f"{self.prefix}log:{id}"

    def readers(self, id: str) -> str:
        """The processes where an answer has readers."""
        return f"{self.prefix}readers:{id}"

    def lease(self, process: str) -> str:
        """Exists as long as the process lives."""
        return f"{self.prefix}lease:{process}"

    def commands(self, process: str) -> str:
        """Commands to a process about the answers that it produces."""
        return f"{self.prefix}commands:{process}"

    def of_answer(self, id: str, process: str, key: str) -> list[str]:
        """The keys of the scripts of an answer: ``process`` produces it, ``key`` is the digest of
        its idempotency key, "" without one."""
        of_all = [f"{self.prefix}ids", f"{self.prefix}sizes"]
        keys = [self.state(id), self.log(id), *of_all, self.lease(process)]
        return [*keys, f"{self.prefix}key:{key}"] if key else keys


class Call(NamedTuple):
    """A script with its keys and arguments."""

    script: Script
    keys: Sequence[str]
    arguments: Sequence[Any] = ()


class Scripts:
    """Runs scripts with ``client``, or with that of ``connections``."""

    def __init__(self, connections: Connections, client: Any = None) -> None:
        from redis.exceptions import NoScriptError

        self.connections = connections
        self._client = client
        self._is_unknown = NoScriptError

    @property
    def client(self) -> Any:
        """For other commands."""
        return self._client or self.connections.client

    async def run(self, *call: Any) -> Any:
        """The result of one ``Call``; an exception of ``connections.failures``."""
        [result] = await self.run_all([Call(*call)])
        if isinstance(result, Exception):
            raise result
        return result

    async def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts in one round trip; for each its result, or the exception of an error reply.

        An exception of ``connections.failures`` if the connection fails: then each may have run.
        """
        results = await self._execute([(call, call.script.sha, "evalsha") for call in calls])
        # Redis has no script when it begins, and after SCRIPT FLUSH.
        unknown = [n for n, result in enumerate(results) if isinstance(result, self._is_unknown)]
        if unknown:
            again = [(calls[n], calls[n].script.text, "eval") for n in unknown]
            for n, result in zip(unknown, await self._execute(again), strict=True):
                results[n] = result
        return results

    async def _execute(self, calls: Sequence[tuple[Call, str, str]]) -> list[Any]:
        pipeline = self.client.pipeline(transaction=False)
        for call, script, command in calls:
            getattr(pipeline, command)(script, len(call.keys), *call.keys, *call.arguments)
        return list(await pipeline.execute(raise_on_error=False))
