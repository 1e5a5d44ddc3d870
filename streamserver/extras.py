"""How to install optional libraries.

A checkout is installed by its path. For an installed package the libraries are named: its own name
may be another project's in a package index.
"""

from pathlib import Path
from shlex import quote

ROOT = Path(__file__).parents[1]
"""The top of the checkout, or the directory where packages are installed."""


def install_hint(extra: str, root: Path = ROOT) -> str:
    """The command that installs an extra: ``pip install '.[redis]'``."""
    from importlib.metadata import PackageNotFoundError, requires  # imported only for an error

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
        return f"install the libraries of its extra {extra}"
    return f"pip install {' '.join(map(quote, needed))}"
