"""The options of requests to a model: what is sent, and wrong usage."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import run
from streamserver.cli import bench, inspect, load_options, request_options
from streamserver.cli.problem import CannotServe
from streamserver.lab.client.request import RequestSpec
from support.process import ServerProcess

URL = "http://127.0.0.1:9"
CHAT = ("--chat", "--model", "m")
KEY = "sk-do-not-tell-0123456789"


def request(*argv: str, url: str = URL, **variables: str) -> RequestSpec:
    """The request of a command line."""
    return request_options.make_request(bench.read([url, *argv], variables), variables)


def bodies(spec: RequestSpec, count: int = 1) -> list[Any]:
    """The bodies of the first requests."""
    encode = spec.encoder()
    return [json.loads(encode(n).partition(b"\r\n\r\n")[2]) for n in range(count)]


@pytest.mark.parametrize("chat", [("--chat",), ("--api", "chat")])
def test_a_chat_requests_a_stream_with_its_usage(chat: tuple[str, ...]) -> None:
    found = request(*chat, "--model", "m", "--prompt", "Hä? {n}", url="http://h/v1")
    assert (found.url, found.method) == ("http://h/v1/chat/completions", "POST")
    fields = dict(found.fields)
    assert fields == {"content-type": "application/json", "accept": "text/event-stream"}
    assert found.expectation == "answer"
    assert bodies(found, 2) == [
        {
            "model": "m", "messages": [{"role": "user", "content": f"Hä? {n}"}], "stream": True,
            "stream_options": {"include_usage": True},
        }
        for n in range(2)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("api", "field", "accept"),
    [
        ("responses", ("authorization", f"Bearer {KEY}"), "text/event-stream"),
        ("messages", ("x-api-key", KEY), "text/event-stream"),
        ("ollama-chat", ("authorization", f"Bearer {KEY}"), "application/x-ndjson"),
        ("gemini", ("x-goog-api-key", KEY), "text/event-stream"),
    ],
)
def test_the_key_is_in_the_field_of_the_interface(
    api: str, field: tuple[str, str], accept: str
) -> None:
    argv = ("--api", api, "--model", "m", "--prompt", "a", "--bearer-env", "KEY")
    found = request(*argv, KEY=KEY)
    assert field in found.fields
    assert ("accept", accept) in found.fields
    assert (("anthropic-version", "2023-06-01") in found.fields) is (api == "messages")
    assert found.expectation == "answer"
    assert KEY not in found.secrets().remove(f"wrong key {KEY}")


def test_a_field_of_the_user_replaces_that_of_the_interface() -> None:
    argv = ("--api", "messages", "--model", "m", "--prompt", "a")
    found = request(*argv, "--header", "Anthropic-Version: 2099-01-01")
    assert [value for name, value in found.fields if name == "anthropic-version"] == ["2099-01-01"]


@pytest.mark.parametrize(
    ("data", "expectation", "usage"),
    [
        ('{"temperature": 0}', "answer", {"include_usage": True}),
        ('{"stream_options": null}', "answer", None),
        ('{"stream_options": {"continuous_usage_stats": true}}', "answer",
         {"include_usage": True, "continuous_usage_stats": True}),
        ('{"stream": false, "stream_options": null}', "anything", None),
    ],
)  # fmt: skip
def test_data_is_merged_into_the_body(data: str, expectation: str, usage: Any) -> None:
    found = request(*CHAT, "--prompt", "a", "--data", data)
    [body] = bodies(found)
    assert body.get("stream_options") == usage
    assert body.get("temperature") == json.loads(data).get("temperature")
    assert found.expectation == expectation


def test_variables_in_data_need_no_quotes() -> None:
    found = request(*CHAT, "--prompt", "a", "--data", '{"seed": {n}, "user": "{uuid}"}')
    assert [body["seed"] for body in bodies(found, 3)] == [0, 1, 2]
    assert len({body["user"] for body in bodies(found, 3)}) == 3


def test_synthetic_prompts() -> None:
    found = request(
        *CHAT, "--prompt-tokens", "10..20", "--shared-prefix", "50%",
        "--max-tokens", "7", "--exact",
    )  # fmt: skip
    texts = [body["messages"][0]["content"].split() for body in bodies(found, 20)]
    assert all(10 <= len(words) <= 20 for words in texts)
    assert len({tuple(words[:5]) for words in texts}) == 1
    assert (
        bodies(found)[0] | {"max_tokens": 7, "min_tokens": 7, "ignore_eos": True}
        == (bodies(found)[0])
    )


@pytest.fixture
def dataset(tmp_path: Path) -> str:
    """A data set of three lines, of which the last is a conversation."""
    lines = ['{"prompt":"a {n}","max_tokens":3}', '{"messages":[{"role":"user","content":"b"}]}']
    lines.append('{"conversations":[{"from":"human","value":"c"},{"from":"human","value":"d"}]}')
    file = tmp_path / "data.jsonl"
    file.write_text("\n".join(lines))
    return str(file)


def test_a_data_set(dataset: str) -> None:
    found = request(*CHAT, "--dataset", dataset, "--max-tokens", "9")
    first = [
        (body["messages"][0]["content"], len(body["messages"]), body["max_tokens"])
        for body in bodies(found, 4)
    ]
    assert first == [("a {n}", 1, 3), ("b", 1, 9), ("c", 1, 9), ("a {n}", 1, 3)]
    encode = found.encoder()
    assert [encode.turns(n) for n in range(4)] == [1, 1, 2, 1]


def test_the_wrong_line_of_a_data_set_is_named(dataset: str) -> None:
    with open(dataset, "a") as file:
        file.write('\n{"prompt":"a","max_token":1}')
    with pytest.raises(CannotServe, match=r"--dataset .*: line 4: unknown member 'max_token'"):
        request(*CHAT, "--dataset", dataset)


def test_an_exact_length_needs_the_limit_of_each_line(dataset: str) -> None:
    with pytest.raises(CannotServe, match="line 2: it has no max_tokens"):
        request(*CHAT, "--dataset", dataset, "--exact")
    assert bodies(request(*CHAT, "--dataset", dataset, "--exact", "--max-tokens", "9"))


@pytest.mark.parametrize("file", ["/nowhere/at/all", "-"])
def test_a_data_set_that_cannot_be_read(file: str) -> None:
    with pytest.raises(CannotServe, match=f"--dataset {file}: No such file"):
        request(*CHAT, "--dataset", file)


def test_conversations_need_streams_and_no_comparison(
    dataset: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CannotServe, match="conversations need streamed answers"):
        request(*CHAT, "--dataset", dataset, "--data", '{"stream": false}')
    argv = (*CHAT, "--prompt-tokens", "5", "--turns", "2", "--compare", URL)
    with pytest.raises(SystemExit):
        bench.read([URL, *argv], {})
    assert "--turns cannot be combined with --compare" in capsys.readouterr().err


def test_turns_and_think_time() -> None:
    argv = (*CHAT, "--prompt-tokens", "5", "--turns", "3", "--think-time", "2s")
    options = bench.read([URL, *argv], {})
    spec = request_options.make_request(options, {})
    assert spec.encoder().turns(7) == 3
    assert load_options.make_job(options, spec).think_time == 2.0


def test_the_inspector_sends_the_same_requests() -> None:
    argv = [URL, "--api", "gemini", "--model", "m", "--prompt-tokens", "5", "--max-tokens", "7"]
    spec = request_options.make_request(inspect.read(argv, {}), {})
    assert spec.url == f"{URL}/v1beta/models/m:streamGenerateContent?alt=sse"
    assert bodies(spec)[0]["generationConfig"] == {"maxOutputTokens": 7}


def test_two_processes_send_the_conversations_of_a_data_set(
    target: ServerProcess, tmp_path: Path
) -> None:
    lines = [f'{{"prompt":["{"a " * n}","b"],"max_tokens":{n}}}' for n in range(1, 5)]
    (tmp_path / "data.jsonl").write_text("\n".join(lines))
    done = run(
        "bench", f"{target.url}/v1", "--chat", "--model", "streamserver-demo-fast",
        "--dataset", str(tmp_path / "data.jsonl"), "-n", "4", "-c", "2", "--processes", "2",
        "--csv", str(tmp_path / "run.csv"), "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["exchanges"]["ended"] == {"complete": 8}
    with (tmp_path / "run.csv").open(newline="") as file:
        assert sorted([row["turn"] for row in csv.DictReader(file)]) == ["1"] * 4 + ["2"] * 4


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["--chat", "--api", "tgi"], "--chat and --api exclude each other"),
        (["--api", "claude"], "is not one of chat, openai, completions, responses, messages"),
        ([*CHAT, "--prompt", "a", "--body", "x"], "--chat and --body exclude each other"),
        ([*CHAT, "--prompt", "a", "--data", "[]"], "--data must be a JSON object"),
        ([*CHAT, "--prompt", "a", "--data", "x"], "--data must be a JSON object"),
        (["--chat", "--prompt", "a"], "--chat needs --model"),
        (["--api", "gemini", "--prompt", "a"], "--api gemini needs --model"),
        (["--api", "tgi", "--model", "m", "--prompt", "a"], "requests of --api tgi name no model"),
        ([*CHAT], "--chat needs one of --prompt, --prompt-tokens, --dataset"),
        ([*CHAT, "--prompt", "a", "--dataset", "x"], "--prompt and --dataset exclude each other"),
        ([*CHAT, "--prompt-tokens", "0"], "'0' is not N or N..M, with numbers from 1 to"),
        ([*CHAT, "--prompt-tokens", "5", "--shared-prefix", "101"], "whole number from 0 to 100"),
        ([*CHAT, "--prompt", "a", "--shared-prefix", "5"], "--shared-prefix needs --prompt-tokens"),
        ([*CHAT, "--prompt", "a", "--turns", "2"], "--turns needs --prompt-tokens"),
        ([*CHAT, "--dataset", "a", "--turns", "2"], "--turns needs --prompt-tokens"),
        ([*CHAT, "--prompt-tokens", "5", "--think-time", "1"], "needs --turns or --dataset"),
        ([*CHAT, "--prompt", "a", "--shuffle"], "--shuffle needs --dataset"),
        ([*CHAT, "--prompt", "a", "--exact"], "--exact needs --max-tokens or --dataset"),
        (
            ["--api", "messages", "--model", "m", "--prompt", "a", "--max-tokens", "5", "--exact"],
            "--api messages has no answers of exact length: --exact is for chat, completions,",
        ),
        (["--model", "m"], "--model needs --chat or --api"),
        (["--max-tokens", "5"], "--max-tokens needs --chat or --api"),
        (["--turns", "2"], "--turns needs --chat or --api"),
    ],
)  # fmt: skip
def test_wrong_usage(capsys: pytest.CaptureFixture[str], argv: list[str], error: str) -> None:
    with pytest.raises(SystemExit) as end:
        bench.read([URL, *argv], {})
    assert end.value.code == 2
    assert error in capsys.readouterr().err.splitlines()[-1]
