"""How a body is sent that is not pulled: copied from a file, or pushed by its own driver."""

from typing import TYPE_CHECKING

from streamserver.server.answer import Answer, FileRegion
from streamserver.server.sendfile import output, send_file

if TYPE_CHECKING:
    from streamserver.server.exchange import Exchange


async def copy(exchange: "Exchange", answer: Answer) -> None:
    """Send a file region; TypeError when the body is of no kind that can be sent."""
    body = answer.body
    if not isinstance(body, FileRegion):
        raise TypeError(f"a body is bytes, a file, a stream or iterable, not {body!r}")
    with body.file, output(exchange) as out:
        if exchange.begin(answer):
            exchange.flush_head()
            await send_file(exchange, body, out)


def attach(exchange: "Exchange", answer: Answer) -> None:
    """Hand the exchange to a push body."""
    if not exchange.begin(answer):
        exchange.tell(answer, "cancelled")
        return exchange.end()
    # Whoever keeps the request has its fields; of 100,000 idle streams few do.
    exchange.head = exchange.head._replace(fields=[])
    try:
        answer.body.attach(exchange, answer.encode)
    except BaseException:
        exchange.tell(answer, "cancelled")
        raise
