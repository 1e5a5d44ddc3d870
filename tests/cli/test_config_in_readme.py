"""The configuration files in the README, with its commands."""

import json
import re
from pathlib import Path

import pytest

from streamserver import Request, Response
from streamserver.cli import proxy
from support.asking import ask
from support.calling import call
from support.inprocess import Serve
from support.readme import README, Block, blocks, words_of

KEY = "sk-0123456789"


def parts(name: str) -> tuple[Block, str, list[str]]:
    """The file of this name, the command that reads it, and what that prints."""
    named = [block for block in blocks() if name in block.text]
    [file] = [block for block in named if block.text.startswith(f"# {name}\n")]
    [console] = [block for block in named if block is not file]
    [(command, shown)] = console.commands
    return file, command, shown


def test_the_file_is_checked(tmp_path: Path) -> None:
    file, command, shown = parts("site.toml")
    [program] = [block for block in blocks() if block.text.startswith("# hello.py\n")]
    (tmp_path / "hello_of_readme.py").write_text(program.text)
    (tmp_path / "site.toml").write_text(file.text.replace("hello:", "hello_of_readme:"))
    variables, words = words_of(command)
    done = call(*words, cwd=tmp_path, **variables)
    printed = done.stdout.replace("hello_of_readme:", "hello:")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in printed.splitlines()] == [line.split() for line in shown]
    done = call("proxy", *words, cwd=tmp_path, EXAMPLE_KEY=KEY)
    assert "a relay of / to https://api.example.org on http://127.0.0.1:8001" in done.stdout


async def test_the_routes_are_served(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def echo(request: Request) -> Response:
        return Response.json([request.target, dict(request.headers.items())])

    file, command, _ = parts("routes.toml")
    api, images = [await serve(echo) for _ in range(2)]
    content = file.text.replace("https://api.example.org", api.url)
    (tmp_path / "routes.toml").write_text(re.sub(r"http://127.0.0.1:900\d", images.url, content))
    monkeypatch.chdir(tmp_path)
    _, [name, *words] = words_of(command)
    assert name == "proxy"
    server = await serve(proxy.read(words, {"EXAMPLE_KEY": KEY})[1])
    target, fields = json.loads((await ask(server, "/v1/models")).body)
    assert (target, fields["host"]) == ("/v1/models", f"127.0.0.1:{api.port}")
    assert fields["authorization"] == f"Bearer {KEY}"
    target, fields = json.loads((await ask(server, "/images/a.png")).body)
    assert (target, fields["host"]) == ("/a.png", f"127.0.0.1:{images.port}")
    assert fields["x-site"] == "example"
    assert "authorization" not in fields
    for path in ("/", "/v1x"):
        assert (await ask(server, path)).status == 404
    for path in ("//v1/x", "/./v1", "/v1%2Fx", "/v1;a/x"):
        assert f"`{path}`" in README
        assert (await ask(server, path)).status == 400
