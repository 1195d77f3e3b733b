"""nginx as an origin server, on a free port of loopback, with a folder of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.tools import need

CONFIG = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 500; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_timeout 60;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  types {{ text/html html; text/plain txt; application/octet-stream bin; }}
  server {{
    listen 127.0.0.1:{port}; root {site};
    {rules}
  }}
}}
"""


@contextmanager
def nginx(folder: Path, site: Path, rules: str = "") -> Iterator[str]:
    """Serve a folder with nginx; ``rules`` go into its ``server`` block. Gives its address, ``127.0.0.1:port``."""
    program = need("nginx", "nginx-light")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = "user root;" if os.geteuid() == 0 else ""  # else its worker may not read pytest's folders
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, site=site, port=port, rules=rules, user=user))
    output = folder / "nginx.out"
    with output.open("wb") as told:
        process = subprocess.Popen([program, "-p", str(folder), "-c", str(config)], stdout=told, stderr=told)
    try:
        _wait_for(port, process, output)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nginx does not start: {output.read_text()}")
