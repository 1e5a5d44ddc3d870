"""What holds for the project as a whole: its shape, and habits no tool checks for us."""

import ast
import asyncio
import configparser
import graphlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from support import peers

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "streamserver"
SOURCES = sorted(PACKAGE.rglob("*.py"))
OTHERS = sorted([*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py")])

# git itself reads .gitignore from the top; everything else is what the project is made of.
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "pyproject.toml",
    "setup.cfg",
    "streamserver",
    "tests",
}

# Which rooms each room may import from. "" is the front door, streamserver/__init__.py, which
# hands out what handlers use. What lies at the top may import everything.
TOP = {"cli", "__main__"}
BELOW = {
    "extras": set[str](),
    "learn": set[str](),
    "wire": set[str](),
    "server": {"wire"},
    "kit": {"wire", "server"},
    "feed": {"extras", "wire", "server", "kit"},
    "proxy": {"wire", "server", "kit", "feed"},
    "lab": {"extras", "wire", "server", "kit", "feed", "proxy"},
    "observe": {"extras", "wire", "server"},
    "resumable": {"wire", "server", "kit", "feed", "proxy"},
    "serving": {"wire", "server", "kit", "observe"},
    "": {"wire", "server", "kit", "feed", "proxy", "resumable", "serving"},
    "demo": {"", "resumable", "learn", "wire", "server", "kit", "feed", "proxy", "lab", "observe"},
}

# What is itself the part of an extra: whoever imports it wants that.
OF_AN_EXTRA = {"streamserver/lab/locust.py": {"locust"}}

LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 40
FILES_OF_ONE_RESPONSE = 12

# A larger package has to be decided on, here. The aims are 3,600 and 20,000.
LINES_OF_WIRE_AND_SERVER = 5_650
LINES_OF_THE_PACKAGE = 49_950
Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = ("body", "handlers", "cases", "orelse", "finalbody")

# What asyncio calls on a protocol is documented there.
CALLBACKS = {*dir(asyncio.Protocol), *dir(asyncio.BufferedProtocol)}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def statements(path: Path) -> list[ast.AST]:
    """All statements of a file: most of its nodes are parts of expressions, and hold none."""
    left: list[ast.AST] = [tree(path)]
    for node in left:
        blocks = [getattr(node, name, None) for name in BLOCKS]
        left += [one for block in blocks if isinstance(block, list) for one in block]
    return left


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_name(path: Path) -> str:
    """`streamserver/wire/sse.py` -> `streamserver.wire.sse`; a package is called `...__init__`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, with the line; a relative import by its full name."""
    for node in statements(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = module_name(path).split(".")[: -node.level] if node.level else []
            base = ".".join([*here, *filter(None, [node.module])])
            # `from streamserver import wire` names a module, `from streamserver import Event` none.
            for alias in node.names:
                inside = ROOT.joinpath(*base.split("."), alias.name)
                is_module = inside.is_dir() or inside.with_suffix(".py").is_file()
                yield (f"{base}.{alias.name}" if is_module else base), node.lineno


def is_ours(module: str) -> bool:
    return module.split(".")[0] == "streamserver"


def room(module: str) -> str:
    """The room of one of our modules: `streamserver.wire.sse` -> `wire`; `cli` -> `cli`."""
    parts = [*module.split("."), "__init__"]
    return "" if parts[1] == "__init__" else parts[1]


def functions(path: Path) -> list[Function]:
    return [node for node in statements(path) if isinstance(node, Function)]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_the_top_level_holds_nothing_else() -> None:
    command = [peers.program("git"), "-c", "safe.directory=*", "ls-files"]
    command += ["--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert {name.split("/")[0] for name in files.splitlines()} <= TOP_LEVEL


def test_make_help_lists_the_targets() -> None:
    command = [peers.program("make"), "--no-print-directory", "help"]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    targets = [line.split()[0] for line in told.splitlines()[1:]]
    assert targets == ["help", "serve", "test", "check", "bench", "cover", "clean"]


def test_an_installation_needs_h11_and_nothing_else() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert re.findall(r"^\w+", config["options"]["install_requires"].strip(), re.M) == ["h11"]
    assert config["options"]["python_requires"] == ">=3.11"
    assert {"fast", "test", "bench", "all"} <= set(config["options.extras_require"])


def faults_in(paths: list[Path], find: Callable[[Path], object]) -> dict[str, object]:
    """What is found in each file; a test for each would cost more than the search."""
    return {short(path): fault for path in paths if (fault := find(path))}


def test_imports_point_one_way() -> None:
    def find(path: Path) -> list[str]:
        here = room(module_name(path))
        # A room may import from itself; the front door has nothing of its own to give.
        allowed = BELOW[here] | ({here} - {""})
        ours = [(module, line) for module, line in imports(path) if is_ours(module)]
        return [f"line {line}: {module}" for module, line in ours if room(module) not in allowed]

    paths = [path for path in SOURCES if room(module_name(path)) not in TOP]
    assert not faults_in(paths, find)


STEPS = sorted((PACKAGE / "learn").glob("s*.py"))


@pytest.mark.parametrize("path", STEPS, ids=short)
def test_a_step_of_the_ladder_stands_alone(path: Path) -> None:
    theirs = {module.split(".")[0] for module, _ in imports(path)}
    assert theirs <= sys.stdlib_module_names | {"h11"}
    assert "h11" in theirs
    assert 60 <= len(path.read_text("utf-8").splitlines()) <= 150
    about = ast.get_docstring(tree(path)) or ""
    sections = re.findall(r"^(Step \d|Adds|Mends|Try|In the engine)[:,]", about, re.M)
    assert sections == [f"Step {path.name[1]}", "Adds", "Mends", "Try", "In the engine"]


@pytest.mark.parametrize("path", STEPS, ids=short)
def test_a_step_names_what_is_in_the_engine(path: Path) -> None:
    about = " ".join((ast.get_docstring(tree(path)) or "").split())
    named = re.findall(
        r"`(\w+/\w+\.py)`(?:, ([\w.]+(?: and [\w.]+)*))?", about.partition("In the")[2]
    )
    assert named
    for file, names in named:
        source = (PACKAGE / file).read_text("utf-8")
        for name in filter(None, names.split(" and ")):
            assert re.search(rf"(?:def|class) {name.rpartition('.')[2]}\b", source), (
                f"{file}: {name}"
            )


def test_every_room_is_a_package() -> None:
    """A room without __init__.py works from a checkout, but setuptools would not install it."""
    assert {p.parent for p in SOURCES} == {p.parent for p in SOURCES if p.name == "__init__.py"}


def test_only_h11_is_imported_from_outside() -> None:
    """Extras are imported inside the function that needs them, where their absence can be told."""

    def find(path: Path) -> set[str]:
        late = {line for f in functions(path) for line in range(f.lineno, (f.end_lineno or 0) + 1)}
        theirs = [(module, line) for module, line in imports(path) if not is_ours(module)]
        early = {module.split(".")[0] for module, line in theirs if line not in late}
        return early - (sys.stdlib_module_names | {"h11"} | OF_AN_EXTRA.get(short(path), set()))

    assert not faults_in(SOURCES, find)


@pytest.mark.parametrize("path", sorted((PACKAGE / "wire").glob("*.py")), ids=short)
def test_the_wire_is_pure(path: Path) -> None:
    waiting = ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith
    assert not [node.lineno for node in ast.walk(tree(path)) if isinstance(node, waiting)]
    assert not {"asyncio", "selectors", "socket"} & {name for name, _ in imports(path)}


def test_files_and_functions_are_short() -> None:
    def find(path: Path) -> list[tuple[str, int]]:
        lines = len(path.read_text("utf-8").splitlines())
        lengths = [(f.name, (f.end_lineno or 0) - f.lineno + 1) for f in functions(path)]
        long = [(name, n) for name, n in lengths if n >= LINES_OF_A_FUNCTION]
        return long + ([("the file", lines)] if lines >= LINES_OF_A_FILE else [])

    assert not faults_in(SOURCES + OTHERS, find)


def public(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """The public functions and classes in the body of a module or class, and those in theirs."""
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not any(is_echo(decorator) for decorator in node.decorator_list):
            yield node
        if isinstance(node, ast.ClassDef):
            yield from (n for n in public(node.body) if not (node.bases and n.name in CALLBACKS))


def is_echo(decorator: ast.expr) -> bool:
    """Whether it marks a definition that repeats a name which is documented elsewhere."""
    return ast.unparse(decorator).rpartition(".")[2] in {"overload", "setter", "deleter"}


def test_public_names_have_docstrings() -> None:
    def find(path: Path) -> list[str]:
        names = [n.name for n in public(tree(path).body) if not ast.get_docstring(n)]
        return names + ([] if ast.get_docstring(tree(path)) else ["the module"])

    assert not faults_in(SOURCES, find)


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of a graph, as the names along it; empty if there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_runs_in_a_circle() -> None:
    """Imports for the type checker count too."""
    modules = {module_name(path).removesuffix(".__init__"): path for path in SOURCES}
    graph = {
        name: {module for module, _ in imports(path) if module in modules}
        for name, path in modules.items()
    }
    assert circle(graph) == []


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}, "e": set[str]()}
    assert set(circle(graph)) == {"b", "c"}


def named_in_readme(text: str) -> set[str]:
    """The files that a part of the README names: after `a/b.py`, `c.py` stands for `a/c.py`."""
    found, room = set(), ""
    for name in re.findall(r"`([\w/]+\.py)`", text):
        room = name.rpartition("/")[0] or room
        found.add(name if "/" in name else f"{room}/{name}")
    return found


def test_the_reading_order_names_files_that_exist() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    _, _, order = readme.partition("## Reading the code")
    order = order.partition("\n## ")[0]
    names = named_in_readme(order)
    assert names <= {str(path.relative_to(PACKAGE)) for path in SOURCES}
    way = re.findall(r"^\| `([\w/]+\.py)` \|", order, re.M)
    assert len(way) == len(set(way)) <= FILES_OF_ONE_RESPONSE


def test_the_package_does_not_grow() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    core = [n for path, n in lines.items() if path.parent.name in {"wire", "server"}]
    assert sum(core) <= LINES_OF_WIRE_AND_SERVER
    assert sum(lines.values()) <= LINES_OF_THE_PACKAGE
