"""A folder for a web server to serve, made of a dict: notebooks need pages of a known size, and nothing of the disk.

A folder is removed when Python ends. A kernel that is killed cannot do that, so whoever makes a folder first removes
those that are a day old and whose process is no more.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from netlab.errors import UsageError

MOST = 10_000_000
"""Bytes of one file."""
PREFIX = "netlab-site-"
"""Of the folders' names; the number of the process follows."""
DAY = 86_400


def folder(files: Mapping[str, str | bytes | int]) -> str:
    """Make a folder with these files, and give its path; it is removed when Python ends.

    Parameters
    ----------
    files
        Name and content; a whole number stands for so many bytes.

    Raises
    ------
    UsageError
        A name leads out of the folder, or a content is neither text, bytes nor a number.

    Examples
    --------
    >>> import netlab
    >>> site = netlab.teach.folder({"index.html": '<img src="a.png">', "a.png": 6000})
    >>> with netlab.use("line"), netlab.WebServer(site, host="server", port=80) as server:
    ...     len(netlab.fetch_page(server.url)["object"].unique())
    2
    """
    contents = {name: _content(name, content) for name, content in files.items()}
    sweep(time.time() - DAY)
    made = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    for name, content in contents.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(made)


def sweep(before: float) -> None:
    """Remove what was left, before that time, by processes that were killed. (Windows has no safe way to ask.)"""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*") if os.name == "posix" else ():
        try:
            if path.stat().st_mtime < before:
                os.kill(int(path.name.removeprefix(PREFIX).partition("-")[0]), 0)  # asks only
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except (OSError, ValueError):
            continue  # somebody else's, or just removed


def _content(name: object, content: object) -> bytes:
    if not isinstance(name, str) or not name or name.startswith("/") or ".." in name.split("/"):
        raise UsageError("files", name, 'names must be like "index.html" or "photos/a.jpg"')
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes):
        return content
    if isinstance(content, int) and not isinstance(content, bool) and 0 <= content <= MOST:
        return bytes(content)
    raise UsageError("files", content, f"a content must be text, bytes, or a size from 0 to {MOST}")
