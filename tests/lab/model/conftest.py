"""The model by itself, in the test's own loop."""

import pytest

from support.inprocess import Serve, Served
from support.model import make_model


@pytest.fixture
async def server(serve: Serve) -> Served:
    return await serve(make_model())
