"""The target by itself, in the test's own loop."""

import pytest

from streamserver.lab.target.app import make_target
from support.inprocess import Serve, Served


@pytest.fixture
async def target(serve: Serve) -> Served:
    return await serve(make_target())
