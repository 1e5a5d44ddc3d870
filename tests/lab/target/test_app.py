"""``/`` lists the endpoints and parameters of the target, in the format that Accept prefers."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from streamserver.demo.app import make_app
from streamserver.lab.faults.grammar import KINDS, syntax
from streamserver.lab.target.app import COMMON, ENDPOINTS, PARAMETERS
from support.asking import ask
from support.inprocess import Serve, Served
from support.model import question

README = Path(__file__).parents[3] / "README.md"
VALUES = {"n": "3", "seconds": "0", "code": "204", "name": "streamserver-demo"}


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: VALUES[found[1]], path)


async def listed(served: Served, at: str = "/") -> Any:
    answer = await ask(served, at, fields={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    return json.loads(answer.body)


async def test_text_is_for_terminals(target: Served) -> None:
    answer = await ask(target, "/", fields={"Accept": "*/*"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.body.decode().splitlines()
    for one in ENDPOINTS:
        assert f"{one.method:<7} {one.path:<25} {one.about}" in lines
    for parameter, about in (*PARAMETERS, *COMMON):
        at = lines.index(f"  {parameter.name:<18} {about}")
        assert lines[at + 1].strip().startswith(parameter.allowed)
    for name, kind in KINDS.items():
        assert f"  {syntax(name):<30} {kind.about}" in lines
    assert max(map(len, lines)) < 100


async def test_json_has_the_meaning_and_the_values_of_each_parameter(target: Served) -> None:
    answer = await listed(target)
    assert answer["parameters"]["gap"] == {
        "about": "mean time between two events",
        "allowed": "a duration from 0 to 60 seconds, as in 0.5 or 500ms",
        "default": 0.1,
    }
    assert answer["parameters"]["seed"]["default"] is None
    assert answer["common_parameters"].keys() == {one.name for one, _ in COMMON}
    assert answer["faults"].keys() == KINDS.keys()


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hrefs += [value for name, value in attrs if name == "href" and value]


async def test_a_page_with_links_is_for_browsers(target: Served) -> None:
    accept = "text/html,application/xhtml+xml,*/*;q=0.8"
    answer = await ask(target, "/", fields={"Accept": accept})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "accept"
    links = Links()
    links.feed(answer.body.decode())
    assert links.hrefs == [one.example for one in ENDPOINTS if one.example]


async def test_each_endpoint_has_the_listed_method_and_parameters(target: Served) -> None:
    for one in (await listed(target))["endpoints"]:
        path = filled(one["path"])
        allowed = await ask(target, path, "OPTIONS")
        assert one["method"] in allowed.headers["allow"].split(", "), one
        if one["parameters"]:
            body = json.dumps(question() | {"prompt": "a"}).encode()
            body = body if one["method"] == "POST" else b""
            refused = (
                await ask(target, f"{path}?no_such_parameter=1", one["method"], body=body)
            ).body
            known = ", ".join(sorted(set(one["parameters"])))
            assert f"allowed here: {known} (_ is ignored)" in refused.decode()


async def test_each_example_is_answered(target: Served) -> None:
    for one in (await listed(target))["endpoints"]:
        if one["example"]:
            fast = re.sub("(gap|duration)=[0-9.]+", r"\1=0.01", one["example"])
            answer = await ask(target, fast.replace("/delay/1", "/delay/0"))
            assert answer.status == (503 if "status" in one["example"] else 200), one


def test_the_readme_names_no_endpoint_that_is_not_listed() -> None:
    table = README.read_text("utf-8").partition("| endpoints | |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(/[^`]*)`", table))
    assert {re.sub(r"\{\w+\}", "{}", one) for one in named} <= {
        re.sub(r"\{\w+\}", "{}", one.path) for one in ENDPOINTS
    }


async def test_the_paths_of_a_mounted_target_are_those_of_its_clients(serve: Serve) -> None:
    demo = await serve(make_app())
    paths = [one["path"] for one in (await listed(demo, "/lab/"))["endpoints"]]
    assert paths[0] == "/lab/sse"
    assert "/lab/lateness" in paths
    assert (await ask(demo, "/lab/lateness")).status == 200
    for path in map(filled, paths):
        assert "allow" in (await ask(demo, path, "OPTIONS")).headers, path


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_is_the_same_for_head(target: Served, method: str) -> None:
    answer = await ask(target, "/", method)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
