"""Servers of the model, in the event loop of the test."""

import pytest

from streamserver.lab.target.app import make_target
from support.inprocess import Serve, Served
from support.model import make_model


@pytest.fixture
async def server(serve: Serve) -> Served:
    return await serve(make_model())


@pytest.fixture
async def target(serve: Serve) -> Served:
    """The model among all that a target has."""
    return await serve(make_target())
