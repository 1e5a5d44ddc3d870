"""Which route a path has, what its handler receives, and which paths are refused as ambiguous."""

from collections.abc import Awaitable, Callable

import pytest

from streamserver import Proxy, Request, Response, Router
from streamserver.kit.service import Handler
from streamserver.proxy.routes import Route, Routes
from support.asking import ask
from support.inprocess import Serve, Served

Make = Callable[..., Handler]


def named(name: str) -> Handler:
    """A handler that responds with this name and with the target that it received."""

    async def handler(request: Request) -> Response:
        return Response(f"{name} {request.target}")

    return handler


PREFIXES = ("/", "/v1", "/v1/admin", "/café", "/a.b", "/.well-known")


@pytest.fixture
async def server(serve: Serve) -> Served:
    return await serve(Routes([Route(prefix, named(prefix)) for prefix in PREFIXES]))


PLAIN = {
    "/": "/",
    "/v1": "/v1",
    "/v1/": "/v1",
    "/v1/x": "/v1",
    "/v1?x=/v1/admin": "/v1",
    "/v1?/../": "/v1",
    "/v1x": "/",
    "/V1": "/",
    "/x/v1": "/",
    "/v1/admin": "/v1/admin",
    "/v1/admin/x": "/v1/admin",
    "/v1/administrator": "/v1",
    "/a.b/c": "/a.b",
    "/.well-known/x": "/.well-known",
    # The same in another spelling (RFC 3986, section 6.2.2).
    "/%761/x": "/v1",
    "/v1/%61dmin": "/v1/admin",
    "/caf%C3%A9/x": "/café",
    "/caf%c3%a9": "/café",
    # What stays in its route however it is read.
    "/v1//x": "/v1",
    "/v1/./x": "/v1",
    "/v1/x%2Fy": "/v1",
    "/v1/x;a=b": "/v1",
    "/v1/x%3Fy%23z": "/v1",
    "/v1/...": "/v1",
    "/v1/..x": "/v1",
    "//x": "/",
}


async def test_the_longest_prefix_of_whole_segments(server: Served) -> None:
    found = {target: (await ask(server, target)).body.decode() for target in PLAIN}
    assert found == {target: f"{prefix} {target}" for target, prefix in PLAIN.items()}
    assert [exchange.route for exchange in server.ended] == [*PLAIN.values()]


AMBIGUOUS = [
    "/v1/../admin",
    "/v1/..",
    "/..",
    "/../v1",
    "/v1/%2e%2e/admin",
    "/v1/.%2E/admin",
    "/v1/..%2fadmin",
    "/v1/..\\admin",
    "/v1%5c..%5cadmin",
    "/v1/..;/admin",
    "/v1/..%3bx/admin",
    "/v1/x/../../v1",
    "//v1/x",
    "/./v1",
    "/%2e/v1",
    "/%2fv1",
    "/\\v1",
    "/v1%2Fadmin",
    "/v1%2fx",
    "/v1//admin",
    "/v1/./admin/x",
    "/v1/%2e/admin",
    "/v1;x=y/z",
    "/v1%3bx",
    "/;/v1",
    "/v1/admin;x",
    "/v1%3fx",
    "/v1%23/x",
    "/v1/admin%3F",
]


@pytest.mark.parametrize("strip", [False, True])
async def test_a_path_that_could_be_read_as_of_another_route_is_refused(
    serve: Serve, strip: bool
) -> None:
    routes = [Route("/", named("/")), Route("/v1", named("/v1"), strip)]
    server = await serve(Routes([*routes, Route("/v1/admin", named("/v1/admin"), strip)]))
    answers = {target: await ask(server, target) for target in AMBIGUOUS}
    assert {target: answer.status for target, answer in answers.items()} == dict.fromkeys(
        AMBIGUOUS, 400
    )
    assert b"another route" in answers["//v1/x"].body


async def test_a_path_without_a_route(serve: Serve) -> None:
    server = await serve(Routes([Route("/v1", named("/v1"))]))
    for target in ("/", "/v", "/v1x", "/x/v1", "/%7E"):
        answer = await ask(server, target)
        assert answer.status == 404
        assert answer.headers.get("content-type") == "application/problem+json"
        assert b"v1" not in answer.body
    assert (await ask(server, "*", "OPTIONS")).status == 404
    assert {exchange.route for exchange in server.ended} == {""}


async def test_options_of_the_server_belong_to_the_root(server: Served) -> None:
    assert (await ask(server, "*", "OPTIONS")).body == b"/ *"


@pytest.mark.parametrize(
    ("prefix", "strip", "target", "received", "rest"),
    [
        ("/v1", True, "/v1", "/", ""),
        ("/v1", True, "/v1?a=/b", "/?a=/b", ""),
        ("/v1", True, "/v1/", "/", ""),
        ("/v1", True, "/v1/x/y?z", "/x/y?z", ""),
        ("/v1", True, "/%76%31/%78", "/%78", ""),
        ("/v1", True, "/v1//x", "//x", ""),
        ("/", True, "/v1/x", "/v1/x", ""),
        ("/v1/images", True, "/v1/images/x", "/x", ""),
        ("/v1/images", "/v1", "/v1/images/x", "/images/x", "/images"),
        ("/v1/images", "/v1/images", "/v1/images", "/", ""),
        ("/v1/images", "", "/v1/images", "/v1/images", "/v1/images"),
    ],
)
async def test_the_removed_part_of_a_path(
    serve: Serve, prefix: str, strip: bool | str, target: str, received: str, rest: str
) -> None:
    route = Route(prefix, named("it"), strip)
    server = await serve(Routes([route]))
    assert (await ask(server, target)).body.decode() == f"it {received}"
    assert route.rest == rest


@pytest.mark.parametrize(
    ("prefix", "strip"),
    [
        *[(prefix, False) for prefix in ("", "v1", "/v1/", "//", "/a//b", "/a b", "/a?b", "/a#b")],
        *[(prefix, False) for prefix in ("/%41", "/.", "/a/..", "/../a", "/a;b", "/a\\b", "/a\n")],
        *[("/v1/images", strip) for strip in ("/v", "/v1/", "v1", "/", "/v1/images/x", "/images")],
    ],
)
def test_an_invalid_route_is_an_error(prefix: str, strip: bool | str) -> None:
    with pytest.raises(ValueError, match=r"is no prefix|does not begin with"):
        Route(prefix, named("it"), strip)


def test_a_prefix_occurs_once() -> None:
    with pytest.raises(ValueError, match="two routes for /v1"):
        Routes([Route("/v1", named("one")), Route("/v1", named("two"))])
    with pytest.raises(TypeError, match="a handler is an async function"):
        Route("/v1", "http://a")  # type: ignore[arg-type]  # it is refused


async def test_relays_below_a_mount_are_closed_with_it(serve: Serve) -> None:
    upstream = await serve(named("upstream"))
    closed = []

    class Handler:
        def __call__(self, request: Request) -> Awaitable[Response]:
            return proxy(request)

        async def aclose(self) -> None:
            closed.append("closed")

    proxy = Proxy(upstream.url)
    app = Router()
    app.mount("/api", Routes([Route("/v1", Handler(), True), Route("/", proxy)]))
    server = await serve(app)
    assert (await ask(server, "/api/v1/x")).body == b"upstream /x"
    assert (await ask(server, "/api/x")).body == b"upstream /x"
    await server.stop()
    assert closed == ["closed"]
    assert [exchange.route for exchange in server.ended] == ["/api/v1", "/api/"]
