"""JSON notifications of four sizes, as feeds of applications send them; the same in every run.

Their texts, names, numbers, times and ids are random. No size is chosen for its ratio: what is
compressed alone shrinks by its own repetitions, of which a longer notification has more.
"""

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

COUNT = 1_000
SEED = 7
START = 1_795_372_067_428
"""Milliseconds since 1970 at which the first one is published; the next follow within seconds."""

_TEXT = """
the order shipped payment received new comment on your post build failed deploy finished user
invited to project review requested change merged server restarted disk almost full invoice paid
meeting starts in ten minutes release notes available password changed login from device message
account settings report ready download backup complete
"""
_NAMES = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov")
_LEVELS = ("info", "success", "warning", "error")
_SITE, _API = "https://example.com", "https://api.example.com"


def notifications(kind: str) -> list[tuple[int, bytes]]:
    """Return the time of each notification of a kind, and its JSON."""
    random, time, rows = Random(SEED), START, []
    for _ in range(COUNT):
        time += random.randint(100, 5_000)
        text = json.dumps(KINDS[kind](random, time), separators=(",", ":"))
        rows.append((time, text.encode()))
    return rows


def _sentence(random: Random, least: int, most: int) -> str:
    words = random.choices(_TEXT.split(), k=random.randint(least, most))
    return " ".join(words).capitalize() + "."


def _id(random: Random) -> str:
    return f"{random.getrandbits(128):032x}"


def _date(time: int) -> str:
    return f"2026-11-{time // 86_400_000 % 28 + 1:02}T{time // 3_600_000 % 24:02}:00:00Z"


def _text(random: Random, time: int) -> dict[str, Any]:
    """As the demo sends them."""
    level = random.choice(_LEVELS)
    return {"text": _sentence(random, 8, 16), "level": level, "time": time}


def _message(random: Random, time: int) -> dict[str, Any]:
    """With a title, a person and a link."""
    id = _id(random)
    return {
        "id": id,
        "type": random.choice(("order.shipped", "comment.created", "build.failed")),
        "title": _sentence(random, 4, 7),
        "body": _sentence(random, 12, 24),
        "user": {"id": random.randint(1_000, 99_999), "name": random.choice(_NAMES)},
        "url": f"{_SITE}/notifications/{id}",
        "read": False,
        "created_at": _date(time),
    }


def _person(random: Random) -> dict[str, Any]:
    name, number = random.choice(_NAMES), random.randint(1_000, 99_999)
    login = name.split()[0].lower()
    return {
        "id": number,
        "login": login,
        "name": name,
        "avatar_url": f"https://avatars.example.com/u/{number}?v=4",
        "url": f"{_API}/users/{login}",
        "html_url": f"{_SITE}/{login}",
    }


def _review(random: Random, time: int) -> dict[str, Any]:
    """Of a service for developers: what happened, where, and who did it."""
    project, number = random.choice(("api", "web", "docs")), random.randint(1, 4_000)
    return {
        "id": _id(random),
        "type": "pull_request.review_requested",
        "created_at": _date(time),
        "reason": "review_requested",
        "unread": True,
        "subject": {
            "title": _sentence(random, 5, 9),
            "type": "PullRequest",
            "number": number,
            "url": f"{_API}/repos/acme/{project}/pulls/{number}",
            "comments_url": f"{_API}/repos/acme/{project}/pulls/{number}/comments",
            "html_url": f"{_SITE}/acme/{project}/pull/{number}",
        },
        "repository": {
            "id": random.randint(10**6, 10**7),
            "name": project,
            "full_name": f"acme/{project}",
            "private": True,
            "url": f"{_API}/repos/acme/{project}",
            "html_url": f"{_SITE}/acme/{project}",
        },
        "actor": _person(random),
        "body": _sentence(random, 15, 40),
    }


def _thread(random: Random, time: int) -> dict[str, Any]:
    """The same with those who take part, and their last comments."""
    comments = [
        {"id": _id(random), "created_at": _date(time), "user": _person(random)}
        | {"body": _sentence(random, 10, 30)}
        for _ in range(3)
    ]
    return {**_review(random, time), "comments": comments}


KINDS: Mapping[str, Callable[[Random, int], dict[str, Any]]] = {
    "text": _text,
    "message": _message,
    "review": _review,
    "thread": _thread,
}
