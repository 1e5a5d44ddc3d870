"""A target in the event loop of the test."""

import pytest

from streamserver.lab.target.app import make_target
from support.inprocess import Serve, Served


@pytest.fixture
async def target(serve: Serve) -> Served:
    return await serve(make_target())
