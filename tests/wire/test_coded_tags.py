"""The entity tags of coded representations, made of those of plain ones, and back."""

import pytest

from streamserver.wire.conditions import coded_tag, plain_tags


@pytest.mark.parametrize(
    ("etag", "strong", "weak"),
    [
        ('"v1"', '"v1-gzip"', 'W/"v1-gzip"'),
        ('""', '"-gzip"', 'W/"-gzip"'),
        ('W/"v1"', 'W/"v1"', 'W/"v1"'),
        ("v1", "v1", "v1"),
    ],
)
def test_the_tag_of_a_coded_representation(etag: str, strong: str, weak: str) -> None:
    assert coded_tag(etag, "gzip", is_weak=False) == strong
    assert coded_tag(etag, "gzip", is_weak=True) == weak
    if strong != etag:
        assert plain_tags([strong, weak], ["zstd", "gzip"]) == {etag: strong}


def test_only_tags_of_known_codings_have_a_plain_one() -> None:
    tags = ['"a-zstd"', '"b-gzip-zstd"', 'W/"c-br"', '"gzip"', '"d-gzip;x"']
    assert plain_tags(tags, ["gzip"]) == {}
    assert plain_tags(tags, ["gzip", "zstd"]) == {'"a"': '"a-zstd"', '"b-gzip"': '"b-gzip-zstd"'}
    assert plain_tags(tags, []) == {}
