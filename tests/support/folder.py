"""A folder to serve, with everything in and around it that must not be served."""

import os
import stat
from pathlib import Path

CONTENT = b"0123456789"
MODIFIED = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
ETAG = f'"{MODIFIED * 10**9:x}-a"'


def write(path: Path, content: bytes = CONTENT) -> Path:
    """A file that has lain there unchanged since 1994."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (MODIFIED, MODIFIED))
    return path


def make_folder(parent: Path) -> Path:
    """`parent/root` with files, links of every kind, a FIFO, a socket; beside it a secret."""
    root = parent / "root"
    write(parent / "secret.txt", b"secret")
    write(parent / "root-too" / "secret.txt", b"secret")
    for name in ("ten.txt", "inner/deep/ten.txt", "\N{SNOWMAN}.txt", "..two dots"):
        write(root / name)
    for name, target in {
        "link.txt": "ten.txt",
        "absolute-link.txt": str(root / "ten.txt"),
        "folder-link": "inner",
        "secret-link.txt": "../secret.txt",
        "outside": "..",
        "loop": "loop",
        "dangling": "nowhere",
    }.items():
        (root / name).symlink_to(target)
    os.mknod(root / "fifo", stat.S_IFIFO | 0o600)
    os.mknod(root / "socket", stat.S_IFSOCK | 0o600)
    return root
