"""Which Redis URLs are accepted; any other is refused when the backend is created."""

import re

import pytest

from streamserver.feed.redis import Redis
from support.redis import RedisServer

NO_FORM = "a Redis URL must be redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix://PATH"
NO_PORT = "the port of a Redis URL must be a number from 1 to 65535"
NO_PATH = "the path of a Redis URL must be the number of a database"
NO_DATABASE = "in a Redis URL must be the number of a database"
NO_TEXT = "in a Redis URL must be one character or more"
PLAIN = "a parameter of a Redis URL must be client_name, db, password, username"
OF_TLS = (
    "a parameter of a Redis URL must be client_name, db, password, username, ssl_ca_certs, "
    "ssl_cert_reqs, ssl_certfile, ssl_check_hostname, ssl_keyfile"
)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", f"{NO_FORM}: this one has another scheme"),
        ("127.0.0.1:6379", f"{NO_FORM}: this one has another scheme"),
        ("http://127.0.0.1", f"{NO_FORM}: this one has another scheme"),
        ("redis://[::1", f"{NO_FORM}: this one cannot be parsed"),
        ("redis://127.0.0.1:port", NO_PORT),
        ("redis://127.0.0.1:65536", NO_PORT),
        ("redis://127.0.0.1:0", NO_PORT),
        ("redis://127.0.0.1/news", f"{NO_PATH}, not 'news'"),
        ("redis://127.0.0.1/-1", f"{NO_PATH}, not '-1'"),
        ("redis://127.0.0.1/1/2", f"{NO_PATH}, not '1/2'"),
        ("unix://", "the path of a unix:// URL must be one character or more, not ''"),
        (
            "redis://127.0.0.1?db=one",
            "db in a Redis URL must be the number of a database, not 'one'",
        ),
        (
            "redis://127.0.0.1?client_name=",
            "client_name in a Redis URL must be one character or more, not ''",
        ),
        ("rediss://127.0.0.1?ssl_colour=red", f"{OF_TLS}, not 'ssl_colour'"),
        (
            "rediss://127.0.0.1?ssl_cert_reqs=perhaps",
            "ssl_cert_reqs in a Redis URL must be none, optional or required, not 'perhaps'",
        ),
        (
            "rediss://127.0.0.1?ssl_check_hostname=1",
            "ssl_check_hostname in a Redis URL must be false or true, not '1'",
        ),
    ],
)
def test_an_invalid_url(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Redis(url)


@pytest.mark.parametrize(
    "parameter",
    [
        "decode_responses=True",  # what comes would not be what is read
        "encoding=ascii",
        "protocol=3",
        "legacy_responses=no",
        "socket_timeout=0.5",  # shorter than Redis waits, it would be lost all the time
        "socket_connect_timeout=0.5",
        "retry_on_timeout=yes",  # an event may have been added though its answer was lost
        "retry_on_error=x",
        "retry=3",
        "max_connections=1",
        "timeout=1",
        "health_check_interval=1",
        "socket_keepalive=no",
        "host=elsewhere",
        "path=/elsewhere",
        "ssl_cert_reqs=none",  # without TLS
        "frequency=7",
        "protocol",
    ],
)
@pytest.mark.parametrize("where", ["redis://:secret@127.0.0.1/0", "unix://:secret@/run/socket"])
def test_parameters_that_are_not_accepted(where: str, parameter: str) -> None:
    said = f"{PLAIN}, not '{parameter.partition('=')[0]}'"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Redis(f"{where}?db=3&{parameter}")


@pytest.mark.parametrize("special", "/?#@:[")
def test_a_password_is_never_shown(special: str) -> None:
    """Also if it breaks the syntax of the URL, since it is not percent-encoded."""
    for url in (
        f"redis://me:secret{special}word@127.0.0.1:6379/x",
        f"redis://me:7{special}word@127.0.0.1:6379/x",
        f"redis://me:7?secret{special}word@127.0.0.1:6379/x",
        f"redis://me:7/secret{special}word@127.0.0.1:6379/x",
        f"redis://me:7?secret=secret&db{special}=word@127.0.0.1:6379/x",
        "redis://:secret@127.0.0.1/x",
    ):
        with pytest.raises(ValueError, match="Redis URL ") as raised:
            Redis(url)
        assert "secret" not in str(raised.value)
        assert "word@" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://127.0.0.1",
        "REDIS://[::1]:6380/15",
        "redis://me:se%2Fcret@127.0.0.1/?client_name=feeds",
        "redis://127.0.0.1?username=me&password=secret&db=2",
        "rediss://127.0.0.1?ssl_cert_reqs=none&ssl_check_hostname=false&ssl_ca_certs=/ca.pem",
        "rediss://127.0.0.1?ssl_certfile=/a.pem&ssl_keyfile=/b.pem",
        "unix:///run/redis.sock?db=3",
    ],
)
def test_a_valid_url(url: str) -> None:
    """Also for redis-py, together with our options."""
    connection = Redis(url).connections.client.connection_pool.make_connection()
    assert connection.socket_timeout


async def test_the_parameters_of_a_url_are_used(shared_redis: RedisServer) -> None:
    redis = Redis(f"{shared_redis.url}/3?client_name=feeds")
    await redis.connections.client.ping()
    assert any(" name=feeds " in each and " db=3 " in each for each in shared_redis.clients())
    await redis.close()
