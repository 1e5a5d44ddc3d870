"""Failures in band, in the shapes that services give them."""

import json

import pytest

from streamserver.lab.client.failures import LENGTH, failure_of

OVERLOADED = '{"id":"x","error":{"message":"overloaded","code":502},"choices":[%s]}'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"error":{"message":"overloaded"}}', "overloaded"),
        ('{ "error" : {"message" : "overloaded"} }', "overloaded"),
        ('{"\\u0065rror":{"message":"overloaded"}}', "overloaded"),
        ('{"error":"model requires more memory"}', "model requires more memory"),
        ('{"error":true,"message":"overloaded"}', "overloaded"),
        ('{"error":{"code":502}}', '{"error":{"code":502}}'),
        ('{"error":{}}', '{"error":{}}'),
        ('{"error":7}', '{"error":7}'),
        (OVERLOADED % '{"delta":{"content":""},"finish_reason":"error"}', "overloaded"),
        (OVERLOADED % "", "overloaded"),
        ('{"choices":[{"delta":{"content":""},"finish_reason":"error"}]}',
         '{"choices":[{"delta":{"content":""},"finish_reason":"error"}]}'),
        ('{"choices":[{"delta":{},"error":{"message":"overloaded"}}]}', "overloaded"),
        ('{"object":"error","message":"overloaded"}', "overloaded"),
        ('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
         "Overloaded"),
        ('{"type":"error","code":"x","message":"overloaded","param":null}', "overloaded"),
        ('{"type":"error","error":{}}', '{"type":"error","error":{}}'),
        ('{"type":"response.failed","response":{"error":{"code":"x","message":"overloaded"}}}',
         "overloaded"),
        ('{"type":"response.failed","response":{"error":null}}',
         '{"type":"response.failed","response":{"error":null}}'),
        ('{"error":{"error":"nested"}}', "nested"),
        ('{"error":"' + "x" * 999 + '"}', "x" * LENGTH),
    ],
)  # fmt: skip
def test_a_failure_and_its_message(data: str, message: str) -> None:
    assert failure_of(json.loads(data), data) == message


@pytest.mark.parametrize(
    "data",
    [
        '{"error":null}',
        '{"error":false}',
        '{"error":0}',
        '{"error":""}',
        '{"errors":["x"]}',
        '{"data":{"error":"deeper"}}',
        '{"type":"response.created","response":{"error":null}}',
        '{"type":"response.incomplete","response":{"error":null}}',
        '{"choices":[{"delta":{"content":"error"},"error":null,"finish_reason":"stop"}]}',
        '{"choices":"error"}',
        '{"choices":["error"]}',
        '{"type":"errors"}',
        '{"type":["error"]}',
    ],
)
def test_what_is_no_failure(data: str) -> None:
    assert failure_of(json.loads(data), data) is None
