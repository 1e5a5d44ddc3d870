"""Figures in the evidence of verdicts."""


def seconds(value: float) -> str:
    """A time for people: "3 ms", "0.45 s", "12.3 s"."""
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"


def count(number: int, noun: str) -> str:
    """A number with its noun, which is given in the plural: "1 event", "3 events"."""
    return f"{number} {noun.removesuffix('s') if number == 1 else noun}"
