"""Which handler answers which method and target."""

import json
from itertools import permutations
from typing import Any

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.service import Handler
from streamserver.wire.problem import HTTPError
from support.asking import Answered, ask
from support.inprocess import Serve, Served

UUID = "c0ffee00-1234-4abc-8DEF-0123456789ab"


def named(name: str) -> Handler:
    """A handler that responds with what it received."""

    async def handler(request: Request) -> Response:
        answer = {"by": name, "target": request.target, "path": request.path}
        return Response.json({**answer, "params": {k: str(v) for k, v in request.params.items()}})

    return handler


def make_app() -> Router:
    app = Router()
    app.get("/")(named("root"))
    app.get("/jobs")(named("jobs"))
    app.post("/jobs")(named("new job"))
    app.get("/jobs/")(named("jobs/"))
    app.get("/jobs/latest")(named("latest"))
    app.get("/jobs/{name}")(named("job by name"))
    app.put("/jobs/{id:int}")(named("put job"))
    app.patch("/jobs/{id:int}")(named("patch job"))
    app.delete("/jobs/{id:int}")(named("delete job"))
    app.get("/café")(named("café"))
    app.route("/both", ["LOCK", "UNLOCK"])(named("locks"))
    app.get("/own")(named("own"))
    app.route("/own", ["HEAD", "OPTIONS"])(named("own head and options"))
    return app


@pytest.fixture
async def server(serve: Serve) -> Served:
    return await serve(make_app())


def content_of(answer: Answered) -> Any:
    assert answer.status == 200, answer
    return json.loads(answer.body)


@pytest.mark.parametrize(
    ("method", "target", "by"),
    [
        ("GET", "/", "root"),
        ("GET", "/?a=/b", "root"),
        ("GET", "/jobs", "jobs"),
        ("GET", "/jobs?x=1", "jobs"),
        ("POST", "/jobs", "new job"),
        ("GET", "/jobs/", "jobs/"),
        ("GET", "/j%6Fbs", "jobs"),
        ("GET", "/caf%c3%a9", "café"),
        ("GET", "/caf%C3%A9", "café"),
        ("GET", "/jobs/latest", "latest"),
        ("GET", "/jobs/l%61test", "latest"),
        ("GET", "/jobs/7", "job by name"),
        ("PUT", "/jobs/7", "put job"),
        ("PATCH", "/jobs/7", "patch job"),
        ("DELETE", "/jobs/7", "delete job"),
        ("LOCK", "/both", "locks"),
        ("UNLOCK", "/both", "locks"),
        ("OPTIONS", "/own", "own head and options"),
    ],
)
async def test_a_route(server: Served, method: str, target: str, by: str) -> None:
    assert content_of(await ask(server, target, method))["by"] == by


async def test_parameters_reach_the_handler_and_the_rest_stays(server: Served) -> None:
    answer = content_of(await ask(server, "/jobs/a%2Fb?x=%2F"))
    assert answer["params"] == {"name": "a/b"}
    assert (answer["target"], answer["path"]) == ("/jobs/a%2Fb?x=%2F", "/jobs/a/b")


@pytest.mark.parametrize("target", ["/none", "/jobs%2Flatest", "/Jobs", "/jobs/7/", "//", "//jobs"])
async def test_an_unknown_path(server: Served, target: str) -> None:
    answer = await ask(server, target)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("DELETE", "/", "GET, HEAD, OPTIONS"),
        ("PUT", "/jobs", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/both", "LOCK, OPTIONS, UNLOCK"),
        ("HEAD", "/both", "LOCK, OPTIONS, UNLOCK"),
        ("get", "/jobs", "GET, HEAD, OPTIONS, POST"),
        # Two patterns match, and neither knows POST.
        ("POST", "/jobs/7", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("POST", "/jobs/seven", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_method_that_is_not_allowed(
    server: Served, method: str, target: str, allow: str
) -> None:
    answer = await ask(server, target, method)
    assert (answer.status, answer.headers["allow"]) == (405, allow)
    detail = f"allowed methods: {allow}"
    assert method == "HEAD" or json.loads(answer.body)["detail"] == detail


@pytest.mark.parametrize(
    ("target", "allow"),
    [
        ("/jobs", "GET, HEAD, OPTIONS, POST"),
        ("/jobs/7", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("*", "DELETE, GET, HEAD, LOCK, OPTIONS, PATCH, POST, PUT, UNLOCK"),
    ],
)
async def test_options(server: Served, target: str, allow: str) -> None:
    answer = await ask(server, target, "OPTIONS")
    assert (answer.status, answer.headers["allow"], answer.body) == (204, allow, b"")
    assert "content-length" not in answer.headers


async def test_options_of_an_unknown_path(server: Served) -> None:
    assert (await ask(server, "/none", "OPTIONS")).status == 404


@pytest.mark.parametrize("target", ["/jobs", "/jobs/seven"])
async def test_head_has_the_fields_of_get(server: Served, target: str) -> None:
    head, get = await ask(server, target, "HEAD"), await ask(server, target)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(get.body))


async def test_head_may_have_a_handler_of_its_own(server: Served) -> None:
    head = await ask(server, "/own", "HEAD")
    own = await ask(server, "/own", "OPTIONS")
    assert head.headers["content-length"] == str(len(own.body))


MORE_PARTICULAR_FIRST = ["7", "{a:int}", "{a:float}", "{a:uuid}", "{a}", "{a:path}"]


@pytest.mark.parametrize("first", MORE_PARTICULAR_FIRST)
async def test_the_order_of_definition_does_not_matter(serve: Serve, first: str) -> None:
    app = Router()
    for segment in sorted(MORE_PARTICULAR_FIRST, key=lambda one: one != first):
        app.get(f"/{segment}")(named(segment))
    server = await serve(app)
    targets = ["/7", "/8", "/8.5", f"/{UUID}", "/x", "/x/y"]
    found = [content_of(await ask(server, target))["by"] for target in targets]
    assert found == MORE_PARTICULAR_FIRST


async def test_the_first_segment_that_differs_decides(serve: Serve) -> None:
    for order in permutations(["/a/{x}", "/{x}/b", "/{x}/{y}"]):
        app = Router()
        for path in order:
            app.get(path)(named(path))
        server = await serve(app)
        targets = ["/a/b", "/c/b", "/c/d"]
        found = [content_of(await ask(server, target))["by"] for target in targets]
        assert found == ["/a/{x}", "/{x}/b", "/{x}/{y}"]


@pytest.mark.parametrize(
    ("path", "methods", "complaint"),
    [
        ("/jobs", ["GET"], "GET /jobs is defined twice"),
        ("/jobs", ["PUT", "POST"], "POST /jobs is defined twice"),
        ("/jobs/{id:int}", ["PUT"], "PUT /jobs/{id:int} is defined twice"),
        ("/jobs/{job:int}", ["GET"], "/jobs/{job:int} is /jobs/{id:int} with other names"),
        ("/new", "GET", "methods are a list of names"),
        ("/new", [], "methods are a list of names"),
        ("/new", ["GET "], "methods are a list of names"),
    ],
)
def test_a_conflict_is_told_at_once(path: str, methods: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match="^" + complaint.replace("{", r"\{")):
        make_app().route(path, methods)


def test_a_decorator_gives_the_function_back() -> None:
    handler = named("same")
    assert Router().post("/", max_body=1)(handler) is handler


# A limit of its own


async def length(request: Request) -> Response:
    return Response.json(len(await request.body()))


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/default", 10, 200),
        ("/default", 11, 413),
        ("/small", 3, 200),
        ("/small", 4, 413),
        ("/none", 1, 413),
        ("/any", 100_000, 200),
    ],
)
async def test_max_body(serve: Serve, path: str, size: int, status: int) -> None:
    app = Router()
    app.post("/default")(length)
    app.post("/small", max_body=3)(length)
    app.post("/none", max_body=0)(length)
    app.post("/any", max_body=None)(length)
    server = await serve(app, max_body=10)
    assert (await ask(server, path, "POST", body=bytes(size))).status == status


# Mounts


@pytest.fixture
async def mounted(serve: Serve) -> Served:
    inner = make_app()
    inner.mount("/deep/er", named("deeper"))
    app = make_app()
    app.mount("/lab", inner)
    app.mount("/lab/relay/", named("relay"))
    app.get("/lab/own")(named("outer"))
    app.mount("/sp ace", named("space"))
    return await serve(app)


@pytest.mark.parametrize(
    ("target", "by", "seen"),
    [
        ("/lab/", "root", "/"),
        ("/lab/?q=/x", "root", "/?q=/x"),
        ("/lab/jobs/?q", "jobs/", "/jobs/?q"),
        ("/lab/jobs/a%2fb", "job by name", "/jobs/a%2fb"),
        ("/l%61b/jobs", "jobs", "/jobs"),
        ("/lab/own", "outer", "/lab/own"),
        ("/lab/relay/a%2fb/%7E?q=1/2", "relay", "/a%2fb/%7E?q=1/2"),
        ("/lab/relay//x", "relay", "//x"),
        ("/lab/deep/er/x", "deeper", "/x"),
        ("/sp%20ace/", "space", "/"),
    ],
)
async def test_a_mount_takes_off_its_prefix(
    mounted: Served, target: str, by: str, seen: str
) -> None:
    answer = content_of(await ask(mounted, target))
    assert (answer["by"], answer["target"]) == (by, seen)


@pytest.mark.parametrize("target", ["/lab", "/laboratory/", "/lab%2F", "/lab/none", "/lab/deep/er"])
async def test_not_below_a_mount(mounted: Served, target: str) -> None:
    assert (await ask(mounted, target)).status == 404


async def test_a_mount_at_the_root_takes_what_is_left(serve: Serve) -> None:
    app = Router()
    app.get("/jobs")(named("jobs"))
    app.mount("/", named("rest"))
    server = await serve(app)
    assert content_of(await ask(server, "/jobs"))["by"] == "jobs"
    rest = content_of(await ask(server, "/a/b%2F?c"))
    assert (rest["by"], rest["target"]) == ("rest", "/a/b%2F?c")
    # The path is one of the router's own: it is not handed on for another method.
    assert (await ask(server, "/jobs", "POST")).status == 405


@pytest.mark.parametrize("prefix", ["/lab", "/lab/", "/{name}", "lab"])
def test_a_mount_that_cannot_be(prefix: str) -> None:
    app = Router()
    app.mount("/lab", named("lab"))
    with pytest.raises(ValueError, match=r"mounted at|parameters|begins"):
        app.mount(prefix, named("other"))


async def test_an_error_of_a_handler_is_the_answer(serve: Serve) -> None:
    app = Router()

    @app.get("/{name}")
    async def refuse(request: Request) -> Response:
        raise HTTPError(409, request.params["name"])

    answer = await ask(await serve(app), "/x")
    assert (answer.status, json.loads(answer.body)["detail"]) == (409, "x")
