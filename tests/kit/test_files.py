"""Which file is opened, its names, and how its states are distinguished."""

import contextlib
import errno
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.kit.files import attachment, content_type_of, open_file, validators
from streamserver.wire.fields import http_date
from streamserver.wire.problem import HTTPError
from support.folder import CONTENT, DATE, EARLIER, ETAG, MODIFIED, make_folder, write
from support.leaks import descriptors


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


@pytest.fixture
def no_descriptor_left() -> Iterator[None]:
    before = descriptors()
    yield
    assert descriptors() == before


# --- which file -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "ten.txt",
        "./ten.txt",
        "inner/../ten.txt",
        "inner//deep/ten.txt",
        "inner/deep/ten.txt",
        "\N{SNOWMAN}.txt",
        "..two dots",
        "link.txt",
        "absolute-link.txt",
        "folder-link/deep/ten.txt",
        "../root/ten.txt",
    ],
)
def test_a_file_beneath_the_root(root: Path, path: str) -> None:
    with open_file(path, root) as file:
        assert file.read() == CONTENT


@pytest.mark.usefixtures("no_descriptor_left")
@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "../root-too/secret.txt",
        "inner/../../secret.txt",
        "inner/deep/../../../secret.txt",
        "../" * 50 + "etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "secret-link.txt",
        "outside/secret.txt",
        "folder-link/../../secret.txt",
        "",
        ".",
        "..",
        "/",
        "inner",
        "inner/",
        "folder-link",
        "socket",
        "ten.txt/more",
        "nowhere.txt",
        "loop",
        "loop/ten.txt",
        "dangling",
        "ten.txt\0",
        "\0",
        "../secret.txt\0.txt",
        "\ud800",
        "%2e%2e/secret.txt",
        "..\\secret.txt",
        "n" * 300,
        "n/" * 5000,
        "~root",
    ],
)
def test_no_file_beneath_the_root(root: Path, path: str) -> None:
    with pytest.raises(HTTPError) as caught:
        open_file(path, root)
    assert caught.value.status == 404
    assert str(root) not in caught.value.detail


def test_an_absolute_path_is_refused_even_beneath_the_root(root: Path) -> None:
    """Or a client could find out by trial where the root lies."""
    with pytest.raises(HTTPError):
        open_file(str(root / "ten.txt"), root)


def test_the_root_may_be_a_link_or_relative(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root.parent / "alias").symlink_to(root)
    monkeypatch.chdir(root.parent)
    for alias in (root.parent / "alias", "alias", "root", "./root/", "alias/inner/.."):
        with open_file("ten.txt", alias) as file:
            assert file.read() == CONTENT


def test_a_root_that_is_everything() -> None:
    with open_file("etc/passwd", "/") as file:
        assert file.read(1)


@pytest.mark.parametrize("swapped", ["inner", "inner/deep", "inner/deep/ten.txt"])
def test_a_link_put_in_the_way_after_the_look_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    """The race, won by hand: all links are resolved when a part of the path becomes one."""
    resolve = os.path.realpath

    def resolve_then_swap(path: str) -> str:
        place = resolve(path)
        if place.endswith("deep/ten.txt"):
            (root / swapped).rename(root / "moved")
            (root / swapped).symlink_to(root.parent / "elsewhere" / swapped)
        return place

    write(root.parent / "elsewhere" / "inner" / "deep" / "ten.txt", b"secret")
    monkeypatch.setattr(os.path, "realpath", resolve_then_swap)
    with pytest.raises(HTTPError):
        open_file("inner/deep/ten.txt", root)


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("maze") / "root"
    write(root.parent / "secret.txt", b"secret")
    for folder in (root, root / "a"):
        write(folder / "ten.txt")
        (folder / "out").symlink_to(root.parent)
        (folder / "in").symlink_to(root)
    return root


PIECES = st.sampled_from(
    ["..", ".", "", "a", "out", "in", "root", "secret.txt", "ten.txt", "\0", "\ud800", "~", "..."]
)


@given(st.lists(PIECES, max_size=8).map("/".join))
def test_no_path_leads_out_of_the_root(maze: Path, path: str) -> None:
    with contextlib.suppress(HTTPError), open_file(path, maze) as file:
        assert file.read() == CONTENT


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """As an ordinary user: whom root is, no permission bit stops."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_what_may_not_be_read_is_not_there_and_what_may_be_passed_need_not_be_listed() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write(root / "unlisted" / "ten.txt").chmod(0o444)
        write(root / "unreadable.txt").chmod(0)
        (root / "unlisted").chmod(0o111)
        root.chmod(0o755)
        with without_privileges():
            with open_file("unlisted/ten.txt", root) as file:
                assert file.read() == CONTENT
            with pytest.raises(HTTPError) as caught:
                open_file("unreadable.txt", root)
        assert caught.value.status == 404
        (root / "unlisted").chmod(0o755)


def test_running_out_of_descriptors_is_no_404(root: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files") as caught:
            open_file("ten.txt", root)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert caught.value.errno == errno.EMFILE


# --- what it is called ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.HTML", "text/html; charset=utf-8"),
        ("folder.png/a.css", "text/css; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.png", "image/png"),
        ("a.svg", "image/svg+xml"),
        ("a.tar", "application/x-tar"),
        ("a.tar.gz", "application/octet-stream"),
        ("a.svgz", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("a", "application/octet-stream"),
        (".txt", "application/octet-stream"),
        ("data:,a.png", "image/png"),
    ],
)
def test_content_type(name: str, content_type: str) -> None:
    assert content_type_of(name) == content_type_of(Path("folder", name)) == content_type


@pytest.mark.parametrize(
    ("filename", "field"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("two words; more", 'attachment; filename="two words; more"'),
        ("na\u00efve.txt", "attachment; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ("\u20ac 5", "attachment; filename=\"_ 5\"; filename*=UTF-8''%E2%82%AC%205"),
        ('say "hi"', "attachment; filename=\"say _hi_\"; filename*=UTF-8''say%20%22hi%22"),
        ("100%41", "attachment; filename=\"100_41\"; filename*=UTF-8''100%2541"),
        ("../etc/passwd", 'attachment; filename=".._etc_passwd"'),
        ("..\\boot.ini", 'attachment; filename=".._boot.ini"'),
        ("a\r\nSet-Cookie: b\0", 'attachment; filename="a__Set-Cookie: b_"'),
        ("\ud800", "attachment; filename=\"_\"; filename*=UTF-8''%3F"),
    ],
)
def test_content_disposition(filename: str, field: str) -> None:
    assert attachment(filename) == field


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\")))
def test_any_file_name_comes_back_from_its_field(filename: str) -> None:
    field = attachment(filename)
    assert field.isascii()
    assert field.isprintable()
    plain, _, encoded = field.partition("; filename*=UTF-8''")
    assert (
        unquote(encoded) == filename if encoded else plain == f'attachment; filename="{filename}"'
    )


# --- which state it is in -------------------------------------------------------------------

SECOND = 10**9


@pytest.mark.parametrize(
    ("age", "etag", "date"),
    [
        (1.0, ETAG, DATE),
        (3600.0, ETAG, DATE),
        (0.0, "W/" + ETAG, DATE),
        (0.999, "W/" + ETAG, DATE),
        # From the future: a clock that was set back, or another machine's.
        (-0.999, "W/" + ETAG, EARLIER),
        (-1.0, ETAG, EARLIER),
    ],
)
def test_validators_by_the_age_of_the_last_change(
    root: Path, age: float, etag: str, date: str
) -> None:
    state = os.stat(root / "ten.txt")
    current = validators(state, state.st_mtime_ns + int(age * SECOND))
    assert (current.etag, http_date(current.modified)) == (etag, date)


def test_validators_tell_states_apart(root: Path) -> None:
    def etag() -> str:
        return validators(os.stat(root / "ten.txt"), time.time_ns()).etag

    before = etag()
    write(root / "ten.txt", CONTENT + b"more")
    longer = etag()
    os.utime(root / "ten.txt", ns=(0, MODIFIED * SECOND + 1))
    assert len({before, longer, etag()}) == 3


def test_a_date_before_1970_is_1970(root: Path) -> None:
    os.utime(root / "ten.txt", (-5, -5))
    assert validators(os.stat(root / "ten.txt"), time.time_ns()).modified == 0
