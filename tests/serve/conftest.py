"""A folder with everything that a web server may meet, and a server for it."""

import pytest

import netlab


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text("<h1>Hello</h1>")
    (tmp_path / "big.bin").write_bytes(bytes(range(256)) * 12_000)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a <b>.txt").write_text("x")
    (tmp_path / ".secret").write_text("hidden")
    (tmp_path.parent / "outside.txt").write_text("outside")
    (tmp_path / "link.txt").symlink_to(tmp_path.parent / "outside.txt")
    return tmp_path


@pytest.fixture
def server(site):
    with netlab.WebServer(site, port=0) as server:
        yield server
