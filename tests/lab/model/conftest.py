"""A server of the model, in the event loop of the test."""

import pytest

from support.inprocess import Serve, Served
from support.model import make_model


@pytest.fixture
async def server(serve: Serve) -> Served:
    return await serve(make_model())
