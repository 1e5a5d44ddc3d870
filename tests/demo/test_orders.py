"""Orders: carried out by whoever holds what they are about."""

from streamserver.demo.orders import Orders
from streamserver.feed.memory import Memory


async def holder(backend: Memory, name: str) -> tuple[Orders, list[str]]:
    """A worker that holds what has this name, and the names that it was told."""
    orders, told = Orders(backend), []

    def carry_out(about: str) -> bool:
        told.append(about)
        return about == name

    orders.define("cut", carry_out)
    await orders.begin()
    return orders, told


async def test_an_order_reaches_whoever_can_carry_it_out() -> None:
    backend = Memory()
    one, told = await holder(backend, "here")
    other, told_elsewhere = await holder(backend, "there")
    await one.give("cut", "here")
    assert (told, told_elsewhere) == (["here"], [])
    await one.give("cut", "there")
    assert (told, told_elsewhere) == (["here", "there"], ["there"])  # it heard nothing of its own
    await one.send("cut", "here")
    assert (told, told_elsewhere) == (["here", "there"], ["there", "here"])
    await one.close()
    await other.close()
