"""Requests that are answered, and what each means: the other half of being strict."""

from conformance.cases import (
    BEHIND,
    Answered,
    Seen,
    answered,
    chunked,
    coding,
    field,
    host,
    length,
    line,
    whole,
)

HELLO = Seen("POST", body=b"hello")
LIMIT = 8192
"""The longest target that a server takes by default."""

REQUEST_LINES: tuple[Answered, ...] = (
    *answered(
        "RFC 9110, 9.1",
        line,
        {
            "a method of our own": (b"FROBNICATE / HTTP/1.1", Seen("FROBNICATE")),
            "a method in lower case is another": (b"get / HTTP/1.1", Seen("get")),
            "a method with every token character": (
                b"-!#$%&'*+.^_`|~ / HTTP/1.1",
                Seen("-!#$%&'*+.^_`|~"),
            ),
            "a method that begins with HTTP's letter": (b"HEAD / HTTP/1.1", Seen("HEAD")),
        },
    ),
    *answered(
        "RFC 9112, 3.2.1",
        line,
        {
            "slashes are kept": (b"GET ///one//two HTTP/1.1", Seen(target="///one//two")),
            "dots are kept": (b"GET /one/../two HTTP/1.1", Seen(target="/one/../two")),
            "an empty query": (b"GET /? HTTP/1.1", Seen(target="/?")),
            "two question marks": (b"GET /?a?b HTTP/1.1", Seen(target="/?a?b")),
            "a URL in the query": (b"GET /?u=http://b/ HTTP/1.1", Seen(target="/?u=http://b/")),
            "an encoded NUL": (b"GET /%00 HTTP/1.1", Seen(target="/%00")),
            "an encoded CRLF": (b"GET /%0d%0aX:%20y HTTP/1.1", Seen(target="/%0d%0aX:%20y")),
            "an encoding that is none": (b"GET /%zz HTTP/1.1", Seen(target="/%zz")),
            "what browsers leave raw": (b"GET /?a|b{c}^`\\ HTTP/1.1", Seen(target="/?a|b{c}^`\\")),
            "the longest target": (
                b"GET /" + b"a" * (LIMIT - 1) + b" HTTP/1.1",
                Seen(target="/" + "a" * (LIMIT - 1)),
            ),
        },
    ),
    *answered(
        "RFC 9112, 3.2.2",
        line,
        {
            "absolute-form": (b"GET http://a/one?q HTTP/1.1", Seen(target="/one?q")),
            "the target's host counts": (b"GET http://b:81/ HTTP/1.1", Seen(host="b:81")),
            "absolute-form without a path": (b"GET http://a HTTP/1.1", Seen(target="/")),
            "absolute-form with a query alone": (b"GET http://a?q HTTP/1.1", Seen(target="/?q")),
            "absolute-form in upper case": (b"GET HTTP://A/ HTTP/1.1", Seen(host="A")),
            "absolute-form with IPv6": (b"GET http://[::1]:8/ HTTP/1.1", Seen(host="[::1]:8")),
        },
    ),
    *answered(
        "RFC 9112, 3.2.4",
        line,
        {
            "OPTIONS *": (b"OPTIONS * HTTP/1.1", Seen("OPTIONS", "*")),
            "OPTIONS * as a proxy has it": (b"OPTIONS http://a HTTP/1.1", Seen("OPTIONS", "*")),
            "OPTIONS / is another": (b"OPTIONS http://a/ HTTP/1.1", Seen("OPTIONS", "/")),
        },
    ),
    *answered(
        "RFC 9112, 2.2",
        whole,
        {
            "an empty line before the request": (b"\r\n" + line(b"GET / HTTP/1.1"), Seen()),
            "two empty lines before it": (b"\r\n\r\n" + line(b"GET / HTTP/1.1"), Seen()),
            "an empty line behind a body": (
                length(b"5") + b"\r\n" + line(b"GET / HTTP/1.1"),
                (HELLO, Seen()),
            ),
        },
    ),
)

VERSIONS: tuple[Answered, ...] = (
    *answered(
        "RFC 9110, 2.5",
        whole,
        {
            "HTTP/1.2 is processed as 1.1": (line(b"GET / HTTP/1.2"), Seen()),
            "HTTP/1.9 is processed as 1.1": (line(b"GET /?q HTTP/1.9"), Seen(target="/?q")),
            "HTTP/1.2 with a body": (length(b"5").replace(b"/1.1", b"/1.2"), HELLO),
            "HTTP/1.2 with a body in chunks": (
                chunked(b"5\r\nhello\r\n0\r\n\r\n").replace(b"/1.1", b"/1.2"),
                HELLO,
            ),
            "HTTP/1.2 is answered by a stream": (
                line(b"GET /stream HTTP/1.2"),
                Seen(target="/stream"),
            ),
        },
    ),
)

FIELDS: tuple[Answered, ...] = (
    *answered(
        "RFC 9110, 5",
        field,
        {
            "a value of nothing": (b"X:", Seen(fields=(("x", ""),))),
            "a value of spaces": (b"X:  \t ", Seen(fields=(("x", ""),))),
            "no space before the value": (b"X:one", Seen(fields=(("x", "one"),))),
            "whitespace around the value": (b"X: \t one \t ", Seen(fields=(("x", "one"),))),
            "a tab inside the value": (b"X: one\ttwo", Seen(fields=(("x", "one\ttwo"),))),
            "a colon inside the value": (b"X: one: two", Seen(fields=(("x", "one: two"),))),
            "bytes above ASCII in the value": (
                b"X: caf\xc3\xa9 \xff",
                Seen(fields=(("x", "caf\xc3\xa9 \xff"),)),
            ),
            "a name in upper case": (b"X-NAME: one", Seen(fields=(("x-name", "one"),))),
            "a name of odd characters": (b"X.!|~: one", Seen(fields=(("x.!|~", "one"),))),
            "a field twice": (b"X: one\r\nX: two", Seen(fields=(("x", "one"), ("x", "two")))),
            "an underscore is no hyphen": (
                b"Content_Length: 5\r\nTransfer_Encoding: chunked",
                Seen(fields=(("content_length", "5"), ("transfer_encoding", "chunked"))),
            ),
            "a value of 8,000 bytes": (
                b"X: " + b"y" * 8000,
                Seen(fields=(("x", "y" * 8000),)),
            ),
            "many empty values of many spaces, then bytes above ASCII": (
                (b"X:" + b" " * 400 + b"\r\n") * 30 + b"Y: \xe9",
                Seen(fields=(("x", ""), ("y", "\xe9"))),
            ),
            "a value behind 8,000 spaces": (
                b"X:" + b" " * 8000 + b"\xe9",
                Seen(fields=(("x", "\xe9"),)),
            ),
            "two hundred fields": (
                b"\r\n".join(b"X-%d: one" % number for number in range(200)),
                Seen(fields=(("x-199", "one"),)),
            ),
        },
    ),
    *answered(
        "RFC 9110, 7.8",
        field,
        {
            "an upgrade to WebSocket": (
                b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                Seen(),
            ),
            "an upgrade to HTTP/2": (
                b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
                Seen(),
            ),
            "an upgrade to nothing known": (b"Connection: Upgrade\r\nUpgrade: x/1", Seen()),
            "an upgrade to TLS": (b"Connection: Upgrade\r\nUpgrade: TLS/1.0", Seen()),
            "an upgrade that Connection does not name": (b"Upgrade: websocket", Seen()),
        },
    ),
    *answered(
        "RFC 9110, 7.2",
        host,
        {
            "a host and its port": (b"a.example:8080", Seen(host="a.example:8080")),
            "a host and an empty port": (b"a:", Seen(host="a:")),
            "the highest port": (b"a:65535", Seen(host="a:65535")),
            "a host that ends in a dot": (b"a.example.", Seen(host="a.example.")),
            "an IPv4 address": (b"127.0.0.1:80", Seen(host="127.0.0.1:80")),
            "an IPv6 address": (b"[::1]", Seen(host="[::1]")),
            "an IPv6 address and its port": (b"[fe80::1]:80", Seen(host="[fe80::1]:80")),
            "an underscore in the host": (b"my_host", Seen(host="my_host")),
            "an encoded host": (b"b%C3%BCcher", Seen(host="b%C3%BCcher")),
            "whitespace around the host": (b" \ta\t ", Seen(host="a")),
        },
    ),
)

BODIES: tuple[Answered, ...] = (
    *answered(
        "RFC 9112, 6.2",
        length,
        {
            "a length": (b"5", HELLO),
            "a length with leading zeros": (b"0000005", HELLO),
            "a length that looks octal": (b"05", HELLO),
            "a length after two spaces": (b"  5", HELLO),
            "a length after a tab": (b"\t5", HELLO),
            "a length before spaces": (b"5 \t ", HELLO),
        },
    ),
    *answered(
        "RFC 9112, 6.3",
        whole,
        {
            "a POST without a body": (line(b"POST / HTTP/1.1"), Seen("POST")),
            "a POST of length 0": (
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                Seen("POST"),
            ),
            "a POST of length 00": (
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n",
                Seen("POST"),
            ),
            "a GET with a body": (
                b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
                Seen(body=b"hello"),
            ),
            "a GET with a body in chunks": (
                b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                Seen(),
            ),
            "an OPTIONS with a body": (
                b"OPTIONS / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
                Seen("OPTIONS", body=b"hello"),
            ),
            "a HEAD with a body": (
                b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
                Seen("HEAD", body=b"hello"),
            ),
            "a body that is a request": (
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
                % (len(BEHIND), BEHIND),
                Seen("POST", body=BEHIND),
            ),
            "a body that begins a request": (
                b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 25\r\n\r\n"
                b"GET /smuggled HTTP/1.1\r\nX" + line(b"GET /2 HTTP/1.1"),
                (Seen(body=b"GET /smuggled HTTP/1.1\r\nX"), Seen(target="/2")),
            ),
            "a body that nobody reads": (
                b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
                % (len(BEHIND), BEHIND),
                Seen("POST", "/unread"),
            ),
            "a body in chunks that nobody reads": (
                b"POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"%x\r\n%b\r\n0\r\n\r\n" % (len(BEHIND), BEHIND),
                Seen("POST", "/unread"),
            ),
        },
    ),
    *answered(
        "RFC 9112, 7",
        coding,
        {
            "chunked": (b"chunked", HELLO),
            "chunked in another case": (b"cHuNkEd", HELLO),
            "chunked after a tab": (b"\tchunked", HELLO),
            "chunked before whitespace": (b"chunked \t ", HELLO),
        },
    ),
    *answered(
        "RFC 9112, 7.1",
        chunked,
        {
            "no data": (b"0\r\n\r\n", Seen("POST")),
            "two chunks": (b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", HELLO),
            "a chunk for each byte": (
                b"".join(b"1\r\n%c\r\n" % byte for byte in b"hello") + b"0\r\n\r\n",
                HELLO,
            ),
            "a size in lower case": (
                b"a\r\n0123456789\r\n0\r\n\r\n",
                Seen("POST", body=b"0123456789"),
            ),
            "a size in upper case": (
                b"A\r\n0123456789\r\n0\r\n\r\n",
                Seen("POST", body=b"0123456789"),
            ),
            "a size with leading zeros": (b"0000000000000005\r\nhello\r\n0\r\n\r\n", HELLO),
            "a last-chunk of many zeros": (b"5\r\nhello\r\n000000\r\n\r\n", HELLO),
            "data that looks like the end": (
                b"9\r\n\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n",
                Seen("POST", body=b"\r\n0\r\n\r\n\r\n"),
            ),
            "data that is a request": (
                b"%x\r\n%b\r\n0\r\n\r\n" % (len(BEHIND), BEHIND),
                Seen("POST", body=BEHIND),
            ),
            "an extension": (b"5;a\r\nhello\r\n0;b\r\n\r\n", HELLO),
            "an extension and its value": (b"5;a=b;c=d\r\nhello\r\n0\r\n\r\n", HELLO),
            "an extension after a space": (b"5; a = b\r\nhello\r\n0\r\n\r\n", HELLO),
            "a quoted extension": (b'5;a="b; \\"c\\" \\\\";d\r\nhello\r\n0\r\n\r\n', HELLO),
            "a trailer": (b"5\r\nhello\r\n0\r\nX-Checksum: abc\r\n\r\n", HELLO),
            "two trailers": (b"5\r\nhello\r\n0\r\nVary: *\r\nX:\r\n\r\n", HELLO),
        },
    ),
)
