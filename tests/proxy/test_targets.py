"""The target is passed on byte for byte.

A relay that decodes or normalizes a target requests something else: only the upstream knows what
it means (RFC 9110, section 7.7).
"""

import pytest

from support.passing import CLOSE, VIA, lines, pass_on
from support.rawserver import RawServer, raw_server
from support.relaying import StartRelay
from support.requests import request

AS_THEY_ARE = [
    *(b"/", b"/one", b"/one/", b"//", b"//one//two///", b"//a.example/one", b"/;", b"/one;x=y/two"),
    *(b"/%2F", b"/%2f", b"/one%2Ftwo", b"/%2e%2e/", b"/%41", b"/%c3%a9", b"/%E9", b"/%20", b"/+"),
    *(b"/%", b"/%4", b"/%zz", b"/%u0041", b"/%00", b"/%0d%0aX:%20y", b"/%23", b"/%3F", b"/%25"),
    *(b"/.", b"/..", b"/../one", b"/one/../two", b"/./one", b"/...", b"/..;/one", b"/..%2f"),
    *(b"/one/http://b/", b"/http://b", b"/@b", b"/:80", b"/a:b@c", b"/~x", b"/*", b"/$&'()*+,=!"),
    *(b'/"', b"/<>", b"/[1]", b"/{2}", b"/|", b"/^", b"/`", b"/\\", b"/\\..\\one"),
    *(b"/?", b"/??", b"/?q", b"/?a=1&a=2;b=3", b"/?a=%zz&b=3", b"/?a=+%20", b"/?/../..", b"/?a?b"),
    *(b"/?u=http://b/%2F//", b"/?&&=&", b'/?{"a":[1]}', b"/one?", b"/" + b"x" * 8000),
]


@pytest.mark.parametrize("target", AS_THEY_ARE, ids=lambda target: target[:40].decode())
async def test_byte_for_byte(target: bytes, relay: StartRelay, upstream: RawServer) -> None:
    sent = request(b"GET %b HTTP/1.1" % target, b"Host: a", CLOSE)
    passed = await pass_on(await relay(), upstream, sent)
    assert lines(passed.up)[0] == b"GET %b HTTP/1.1" % target


MOVED = {
    b"/v1/.;x%2F//one?q=%zz;": b"/base%2F/.;x%2F//one?q=%zz;",
    b"/v1//%2f": b"/base%2F//%2f",
    b"/v1?": b"/base%2F/?",
    b"/v1/?/v1": b"/base%2F/?/v1",
}


@pytest.mark.parametrize(("target", "asked"), MOVED.items(), ids=map(bytes.decode, MOVED))
async def test_with_one_path_taken_off_and_another_put_in_front(
    target: bytes, asked: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """The rest is as it was."""
    server = await relay(base="/base%2F", strip="/v1")
    sent = request(b"GET %b HTTP/1.1" % target, b"Host: a", CLOSE)
    passed = await pass_on(server, upstream, sent)
    assert lines(passed.up)[0] == b"GET %b HTTP/1.1" % asked


METHODS = [b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"PROPFIND", b"get", b"M-X", b"X!"]


@pytest.mark.parametrize("method", METHODS, ids=bytes.decode)
async def test_a_method_is_any_word(method: bytes, relay: StartRelay, upstream: RawServer) -> None:
    """Its case is kept, because methods are case-sensitive (RFC 9110, section 9.1)."""
    sent = request(method + b" /one HTTP/1.1", b"Host: a", CLOSE)
    passed = await pass_on(await relay(), upstream, sent)
    assert lines(passed.up)[0] == method + b" /one HTTP/1.1"


async def test_requests_to_the_upstream_are_http_1_1(
    relay: StartRelay, upstream: RawServer
) -> None:
    """For every client: a version is that of one hop (RFC 9110, section 6.2)."""
    passed = await pass_on(await relay(), upstream, request(b"GET /one HTTP/1.0"))
    assert lines(passed.up)[0] == b"GET /one HTTP/1.1"


ABSOLUTE = {
    b"GET http://%b/one?q HTTP/1.1": b"GET /one?q HTTP/1.1",
    b"GET http://%b HTTP/1.1": b"GET / HTTP/1.1",
    b"GET http://%b?q HTTP/1.1": b"GET /?q HTTP/1.1",
    b"GET HTTPS://%b//one/%%2f HTTP/1.1": b"GET //one/%2f HTTP/1.1",
    b"GET http://%b/http://c/ HTTP/1.1": b"GET /http://c/ HTTP/1.1",
    b"GET http://%b/one HTTP/1.0": b"GET /one HTTP/1.1",
    b"OPTIONS http://%b HTTP/1.1": b"OPTIONS * HTTP/1.1",
}


@pytest.mark.parametrize(("line", "asked"), ABSOLUTE.items(), ids=map(bytes.decode, ABSOLUTE))
@pytest.mark.parametrize("keep", [False, True], ids=["the upstream's host", "the client's host"])
async def test_a_target_never_chooses_the_upstream(
    keep: bool, line: bytes, asked: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """An absolute-form names another server, which is not contacted: this is no open proxy."""
    server = await relay(forwarded="off", keep_host=keep)
    async with raw_server() as other:
        named = b"127.0.0.1:%d" % other.port
        sent = request(line % named, b"Host: a", CLOSE)
        up = lines((await pass_on(server, upstream, sent)).up)
        with pytest.raises(BlockingIOError):
            other.sock.accept()
    assert up[:2] == [asked, b"host: " + (named if keep else b"127.0.0.1:%d" % upstream.port)]


async def test_of_the_whole_server(relay: StartRelay, upstream: RawServer) -> None:
    """OPTIONS * has no path: no prefix is removed, and no base is added."""
    server = await relay(base="/base", strip="/v1", forwarded="off")
    sent = request(b"OPTIONS * HTTP/1.1", b"Host: a", CLOSE)
    up = lines((await pass_on(server, upstream, sent)).up)
    assert up == [b"OPTIONS * HTTP/1.1", b"host: 127.0.0.1:%d" % upstream.port, VIA]
