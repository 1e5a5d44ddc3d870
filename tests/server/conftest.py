"""What several tests of the engine start from."""

import pytest

from support.loops import Run, runner


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test's coroutine in a loop of this kind, in debug mode."""
    return runner(request.param)
