"""Media types by file name, our own table: the system's differs from machine to machine, and so would every answer."""

from __future__ import annotations

from functools import lru_cache

UNKNOWN = b"application/octet-stream"
TEXT = b"; charset=utf-8"

TYPES = {
    "html": b"text/html", "htm": b"text/html", "css": b"text/css", "txt": b"text/plain", "md": b"text/markdown",
    "csv": b"text/csv", "js": b"text/javascript", "mjs": b"text/javascript", "xml": b"text/xml", "toml": b"text/plain",
    "py": b"text/x-python", "log": b"text/plain", "json": b"application/json", "ipynb": b"application/x-ipynb+json",
    "pdf": b"application/pdf", "zip": b"application/zip", "gz": b"application/gzip", "tar": b"application/x-tar",
    "wasm": b"application/wasm", "parquet": b"application/vnd.apache.parquet", "png": b"image/png",
    "jpg": b"image/jpeg", "jpeg": b"image/jpeg", "gif": b"image/gif", "svg": b"image/svg+xml", "webp": b"image/webp",
    "avif": b"image/avif", "ico": b"image/x-icon", "bmp": b"image/bmp", "mp3": b"audio/mpeg", "ogg": b"audio/ogg",
    "wav": b"audio/wav", "mp4": b"video/mp4", "webm": b"video/webm", "woff": b"font/woff", "woff2": b"font/woff2",
    "ttf": b"font/ttf", "otf": b"font/otf",
}  # fmt: skip


_TEXTS = ("application/json", "application/x-ipynb+json", "application/wasm", "image/svg+xml")
COMPRESSIBLE = frozenset(
    kind + TEXT if kind.startswith(b"text/") else kind
    for kind in TYPES.values()
    if kind.startswith(b"text/") or kind.decode() in _TEXTS
)
"""Types that gain from compression; pictures, films and archives are compressed already."""


@lru_cache(1024)
def media_type(name: str) -> bytes:
    """Give the Content-Type for a file.

    Parameters
    ----------
    name
        The file's name; what stands behind its last dot counts, in any case of letters.

    Returns
    -------
    bytes
        From `TYPES`, and for text with ``charset=utf-8``; `UNKNOWN` for every other name: a browser saves that.
    """
    kind = TYPES.get(name.rpartition(".")[2].lower(), UNKNOWN) if "." in name else UNKNOWN
    return kind + TEXT if kind.startswith(b"text/") else kind
