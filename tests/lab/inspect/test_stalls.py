"""The recorder knows how late it was itself."""

import asyncio
import time

from streamserver.lab.inspect.record import StallMeter


async def test_a_busy_loop_is_measured() -> None:
    meter = StallMeter()
    meter.start()
    await asyncio.sleep(0.03)
    time.sleep(0.2)  # not asyncio's: nothing runs meanwhile
    await asyncio.sleep(0)
    meter.stop()
    assert meter.worst > 0.15


async def test_a_busy_loop_is_measured_until_the_end() -> None:
    meter = StallMeter()
    meter.start()
    time.sleep(0.1)
    meter.stop()
    assert meter.worst > 0.05


async def test_nothing_is_measured_before_the_start() -> None:
    meter = StallMeter()
    meter.stop()
    assert meter.worst == 0
