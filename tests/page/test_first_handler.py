"""The README's first handler in a browser: an EventSource receives each event once, and stops."""

from pathlib import Path
from typing import Any

from support.process import RunServer
from support.readme import blocks, written
from support.waiting import block_until

FOLLOW = """() => {
  const seen = { data: [], opened: 0, state: () => source.readyState };
  const source = new EventSource("/api/counter");
  source.onopen = () => seen.opened += 1;
  source.onmessage = (message) => seen.data.push(JSON.parse(message.data).count);
  window.seen = seen;
}"""


def test_it_reconnects_once_and_ends(context: Any, run_server: RunServer, tmp_path: Path) -> None:
    """After the end of the stream it asks again, with the last id: the answer is 204."""
    program = next(block for block in blocks() if block.language == "python")
    server = run_server(written(program, tmp_path), env={"PYTHONPATH": str(tmp_path)})
    page = context.new_page()
    page.goto(f"{server.url}/any")
    page.evaluate(FOLLOW)
    page.wait_for_function("() => window.seen.state() === EventSource.CLOSED")
    assert page.evaluate("() => window.seen.data") == [*range(10)]
    assert page.evaluate("() => window.seen.opened") == 1
    page.close()
    statuses = block_until(lambda: answered(server.stdout))
    assert statuses == ["200", "204"]


def answered(log: Path) -> list[str]:
    """The statuses of the streams that were asked for, once the last is there."""
    lines = [line.split() for line in log.read_text().splitlines()[1:]]
    statuses = [words[4] for words in lines if words[3] == "/api/counter"]
    return statuses if "204" in statuses else []
