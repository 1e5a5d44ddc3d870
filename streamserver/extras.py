"""Optional libraries: how a message says what to install.

A checkout is installed by its path. For an installed package the libraries themselves are named:
its own name, looked up in an index, may be another project's.
"""

from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from shlex import quote

ROOT = Path(__file__).parents[1]
"""The top of the checkout, or the directory where packages are installed."""


def install_hint(extra: str, root: Path = ROOT) -> str:
    """The command that installs the libraries of an extra, as in ``pip install '.[redis]'``."""
    if (root / "setup.cfg").is_file():
        where = "." if Path.cwd() == root else str(root)
        return f"pip install {quote(f'{where}[{extra}]')}"
    try:
        requirements = requires("streamserver") or []
    except PackageNotFoundError:
        requirements = []
    parts = [requirement.partition(";") for requirement in requirements]
    needed = [name.strip() for name, _, when in parts if f"'{extra}'" in when.replace('"', "'")]
    if not needed:
        return f"the libraries of its extra {extra} are to be installed"
    return f"pip install {' '.join(map(quote, needed))}"
