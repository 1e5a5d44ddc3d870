"""Which tokens of a prompt were processed for an earlier one."""

from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.model.cost.prefix_cache import BLOCK, PrefixCache


def words(count: int, word: str = "a") -> list[str]:
    """So many tokens, each different."""
    return [f"{word}{n}" for n in range(count)]


def test_whole_blocks_of_the_same_beginning_are_cached() -> None:
    cache = PrefixCache(10_000)
    shared = words(2 * BLOCK + 3)
    assert cache.add(shared + words(40, "b")) == 0
    assert cache.add(shared + words(40, "c")) == 2 * BLOCK
    assert cache.add(["other", *shared]) == 0


def test_the_last_token_of_a_prompt_is_always_processed() -> None:
    cache = PrefixCache(10_000)
    for size in (2 * BLOCK, 2 * BLOCK + 1, 1, 0):
        cache.add(words(size))
    assert cache.add(words(2 * BLOCK)) == BLOCK
    assert cache.add(words(2 * BLOCK + 1)) == 2 * BLOCK
    assert cache.add([]) == cache.add(["a0"]) == 0


def test_names_share_nothing() -> None:
    cache = PrefixCache(10_000)
    prompt = words(100)
    assert [cache.add(prompt, name) for name in ("one", "two", "one")] == [0, 0, 96]


def test_the_prompt_that_was_not_used_for_the_longest_time_is_dropped_from_its_end() -> None:
    cache = PrefixCache(4 * BLOCK)
    old, used, new = (words(2 * BLOCK + 1, word) for word in ("old", "used", "new"))
    for prompt in (old, used, old, used, new[: BLOCK + 1]):
        cache.add(prompt)
    assert cache.tokens == 4 * BLOCK
    assert cache.add(used) == 2 * BLOCK
    assert cache.add(old) == BLOCK


def test_of_a_prompt_that_is_too_large_the_beginning_is_cached() -> None:
    cache = PrefixCache(2 * BLOCK)
    assert [cache.add(words(100 * BLOCK)) for _ in range(2)] == [0, 2 * BLOCK]


sizes = st.integers(0, 3 * BLOCK)
prompts = st.lists(
    st.builds(lambda shared, own: words(shared) + words(own, "b"), sizes, sizes), max_size=12
)


@given(prompts, st.integers(0, 6 * BLOCK))
def test_no_more_is_counted_than_an_earlier_prompt_had(given: list[list[str]], size: int) -> None:
    cache = PrefixCache(size)
    for number, prompt in enumerate(given):
        found = cache.add(prompt)
        assert found % BLOCK == 0
        assert found < max(len(prompt), 1)
        assert cache.tokens <= size
        assert not found or prompt[:found] in [other[:found] for other in given[:number]]
