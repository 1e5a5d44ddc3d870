"""The command `inspect`: the wire as it arrives, the report, and the exit status."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import LIMIT, interrupted, run
from streamserver.wire.chunked import encode, last_chunk
from support import peers
from support.calling import call
from support.certificates import Certificate
from support.nginx import nginx, reserved_port
from support.process import ROOT, RunServer, ServerProcess
from support.upstreams import answering, refusing_port

SECRET = "sk-do-not-tell-0123456789"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
CHAT = ("--chat", "--model", "streamserver-demo-fast", "--prompt", "Hi")
INSPECT = (sys.executable, "-m", "streamserver", "inspect")
NODE = """
const answer = (_, response) => {
  response.writeHead(200, {"content-type": "text/event-stream", "trailer": "x-count"});
  response.write("retry: 1000\\n\\n");
  let n = 0;
  const timer = setInterval(() => {
    response.write(`id: ${n}\\ndata: tick\\n\\n`);
    if (++n < 3) return;
    clearInterval(timer);
    response.addTrailers({"x-count": "3"});
    response.end();
  }, 30);
};
const server = require("http").createServer(answer);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


def names(output: str) -> list[str]:
    """The name of each part that a view of the wire shows."""
    return [line[12:30].strip() for line in output.split("\n\n")[0].splitlines()]


def test_a_model_answer_on_the_wire(target: ServerProcess) -> None:
    done = call("inspect", f"{target.url}/v1", *CHAT, "--wire", "--bearer-env", "KEY", KEY=SECRET)
    assert done.returncode == 0, done.stdout + done.stderr
    wire, report = done.stdout.split("\n\n", 1)
    assert "authorization: REDACTED" in wire
    assert re.search(r"^ +\d+\.\d  status line +HTTP/1\.1 200 OK\\r\\n +RFC 9112, 4$", wire, re.M)
    assert re.search(r"^ +event field +data: \[DONE\]\\n +HTML 9\.2\.6$", wire, re.M)
    assert names(wire)[-3:] == ["last-chunk", "end of the body", "end"]
    assert report.startswith(f"POST {target.url}/v1/chat/completions\n")
    assert "complete with [DONE]" in report
    assert SECRET not in done.stdout + done.stderr
    assert max(map(len, report.splitlines())) <= 80


def test_a_key_that_the_server_repeats_is_not_shown(target: ServerProcess) -> None:
    done = call("inspect", f"{target.url}/headers", "--bearer-env", "KEY", "--wire", KEY=SECRET)
    assert SECRET not in done.stdout + done.stderr
    assert f"Bearer {'*' * len(SECRET)}" in done.stdout


@pytest.fixture
def node() -> Iterator[int]:
    """The port of node's http server."""
    command = [peers.program("node"), "-e", NODE]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def test_the_wire_of_node(node: int) -> None:
    done = call("inspect", f"http://127.0.0.1:{node}/", "-o", "--wire", "--method", "POST")
    assert done.returncode == 2
    done = call("inspect", f"http://127.0.0.1:{node}/", "--wire", "--method", "POST")
    wire, report = done.stdout.split("\n\n", 1)
    assert names(wire)[-4:] == ["last-chunk", "trailer", "end of the body", "end"]
    assert wire.count("data: tick\\n") == wire.count(" = 18 bytes") == 3
    assert "3 events at 3 moments" in report


def test_the_wire_is_live() -> None:
    last = encode(b"data: 2\n\n") + last_chunk()
    with answering(STREAM + encode(b"data: 1\n\n")) as (url, continue_with):
        command = [*INSPECT, url, "--wire", "--method", "POST"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if b"data: 1" in line:
                    continue_with(last)  # printed while the response was open
                    break
            rest, _ = process.communicate(timeout=LIMIT)
    assert b"data: 2" in rest
    assert process.returncode in (0, 1)


def colours(**variables: str) -> str:
    """The output of an inspection on a terminal."""
    ours, theirs = pty.openpty()
    with answering(STREAM + last_chunk()) as (url, _):
        command = [*INSPECT, url, "--wire", "--method", "POST"]
        process = subprocess.Popen(
            command, stdout=theirs, cwd=ROOT, env={**os.environ, "TERM": "xterm", **variables}
        )
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # Linux reports the end of a terminal as EIO
            pass
        process.wait(LIMIT)
    os.close(ours)
    return shown.decode()


def test_colours_are_for_terminals_only() -> None:
    shown = colours()
    assert "\x1b[1;36mHTTP/1.1 200 OK\\r\\n\x1b[0m" in shown
    assert "\x1b[32mok\x1b[0m" in shown
    plain = colours(NO_COLOR="1")
    assert "\x1b" not in plain
    assert "HTTP/1.1 200 OK" in plain
    with answering(STREAM + last_chunk()) as (url, _):
        assert "\x1b" not in call("inspect", url, "--wire", "--method", "POST").stdout


def test_the_json_for_programs(target: ServerProcess, tmp_path: Path) -> None:
    url = f"{target.url}/v1"
    done = call("inspect", url, *CHAT, "--json", "-", "--bearer-env", "KEY", KEY=SECRET)
    found = json.loads(done.stdout)
    assert (found["version"], found["status"], done.returncode) == (1, 0, 0)
    assert found["response"]["framing"] == "chunked"
    assert {verdict["name"]: verdict["status"] for verdict in found["verdicts"]}["end"] == "ok"
    file = tmp_path / "found.json"
    done = call("inspect", url, *CHAT, "--json", str(file))
    assert done.stdout.startswith(f"POST {url}/chat/completions\n")
    assert json.loads(file.read_text())["response"]["end"] == "complete"
    done = call("inspect", url, *CHAT, "--json", f"{tmp_path}/none/found.json")
    assert (done.returncode, "found.json: No such file" in done.stderr) == (1, True)


def test_what_a_hop_changes(target: ServerProcess, tmp_path: Path) -> None:
    path = "/v1/chat/completions?tokens=6&tokens_per_second=10"
    message = {"role": "user", "content": "Hi"}
    asked = {"model": "streamserver-demo-fast", "stream": True, "messages": [message]}
    with reserved_port() as port:
        location = f"proxy_ignore_headers X-Accel-Buffering; proxy_pass {target.url};"
        http = f"server {{ listen 127.0.0.1:{port} reuseport; location / {{ {location} }} }}"
        with nginx(tmp_path, http, port):
            urls = f"{target.url}{path}", "--through", f"http://127.0.0.1:{port}{path}"
            done = call("inspect", *urls, "--data", json.dumps(asked), "--json", "-")
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"]) == (1, 0)
    changes = {one["name"]: (one["direct"], one["through"]) for one in found["changes"]}
    assert {one["name"] for one in found["changes"] if one["worse"]} >= {"arrivals"}
    direct, through = changes["arrivals"]
    assert re.fullmatch("9 events at [5-9] moments", direct)  # a busy machine joins or divides some
    assert through == "9 events at 1 moment"
    assert changes["field x-accel-buffering"] == ("no", None)
    assert changes["field server"][1].startswith("nginx/")
    assert "field date" not in changes


def test_tls(run_server: RunServer, certificate: Certificate) -> None:
    server = run_server(
        "target", "--tls-cert", certificate.cert, "--tls-key", certificate.key, "--no-access-log"
    )
    url = f"{server.url}/v1"
    for options, status in ((["--ca", certificate.cert], 0), (["--insecure"], 0), ([], 3)):
        done = call("inspect", url, *CHAT, "--json", "-", *options)
        found = json.loads(done.stdout)
        assert (done.returncode, found["status"]) == (status, status), found
        assert (found["response"] or {"alpn": ""})["alpn"] == ("" if status else "http/1.1")
    done = call("inspect", url, *CHAT, "--ca", "/nowhere/ca.pem")
    assert done.returncode == 1
    assert done.stderr == "streamserver: --ca /nowhere/ca.pem: No such file or directory\n"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "it must begin with HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000, "the head is longer than 65536 bytes"),
        (b"", "closed"),
    ],
)
def test_nothing_to_judge(answer: bytes, says: str) -> None:
    with answering(answer) as (url, end_with):
        end_with(b"")
        done = call("inspect", url, "--wire")
    assert done.returncode in (1, 3)
    assert says in done.stdout


def test_no_connection() -> None:
    with refusing_port() as port:
        done = call("inspect", f"http://127.0.0.1:{port}/", "--wire")
    assert done.returncode == 3
    assert "no response: failed: " in done.stdout
    assert "Connect call failed" in done.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "the following arguments are required: URL"),
        (("ftp://a/",), "names no scheme or no host"),
        (("http://a/", "--through", "b"), "did you mean 'http://b'?"),
        (("http://a/", "--for", "5", "--idle", "5"), "--for must be longer than --idle"),
        (("http://a/", "--wire", "--json", "-"), "--wire and --json - exclude each other"),
        (("http://a/", "--idle", "x"), "is not a duration of more than 0 s"),
        (("http://a/", "--origin", "app.example"), "'app.example' is no origin such as https://"),
        (("http://a/", "--origin", "https://a\r\nb"), "is no origin such as https://"),
        (("http://a/", "--insecure", "--ca", "x"), "--insecure and --ca exclude each other"),
        (("http://a/", "--wir"), "there is no option --wir (did you mean '--wire'?)"),
    ],
)
def test_wrong_usage(options: tuple[str, ...], says: str) -> None:
    done = call("inspect", *options)
    assert done.returncode == 2
    assert says in done.stderr


def test_the_help_fits_the_terminal() -> None:
    done = call("inspect", "--help", COLUMNS="80")
    assert done.returncode == 0
    for option in ("--wire", "--through URL2", "--json FILE", "--idle DURATION", "--for DURATION"):
        assert option in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_an_output_that_is_closed() -> None:
    with answering(STREAM + encode(b"data: 1\n\n")) as (url, _):
        done = subprocess.run(
            ["sh", "-c", f"{' '.join(INSPECT)} {url} --wire --method POST --for 200ms | head -n 1"],
            cwd=ROOT,
            capture_output=True,
            timeout=LIMIT,
            check=False,
        )
    assert done.stdout.splitlines()[0].split()[:2] == [b"request", b"POST"]
    assert b"Traceback" not in done.stderr


def test_an_interruption() -> None:
    with answering(STREAM + encode(b"data: 1\n\n")) as (url, _):
        done = interrupted(2, b"data: 1", "inspect", url, "--wire")
    assert done.returncode == 1
    assert "interrupted" in done.stderr


def test_only_what_it_needs_is_imported() -> None:
    """The command needs no library of an extra."""
    with refusing_port() as port:
        done = run("inspect", f"http://127.0.0.1:{port}/")
    assert done.returncode == 3, done.stderr
