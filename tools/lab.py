"""Open the workbook: install netlab if need be, start JupyterLab on the first notebook, print its address.

    python3 tools/lab.py [--no-browser] [options of JupyterLab]      (`make lab` does just this)

Strategy: JupyterLab chooses the port, since the usual one may be busy, and writes it into a file; from there we learn
the address, print it and open the browser. The token goes through the environment, where other users of the
machine cannot read it. CTRL+C stops the server and its kernels.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import webbrowser

from environment import ROOT, WINDOWS, ensure, refuse_old_python, say, stop  # this script's own folder is on the path

NOTEBOOK = "00-welcome.ipynb"
PATIENCE = 120
"""s until JupyterLab must have opened its port; on a slow disk its first start takes half a minute."""


def main(arguments):
    refuse_old_python()
    python = ensure()
    runtime = os.path.join(ROOT, ".venv", "jupyter-runtime")
    os.makedirs(runtime, mode=0o700, exist_ok=True)
    token = secrets.token_hex(24)
    environment = dict(os.environ, JUPYTER_TOKEN=token, JUPYTER_RUNTIME_DIR=runtime, JUPYTER_PREFER_ENV_PATH="1")
    say("starting JupyterLab")
    server = subprocess.Popen(command(python, arguments), env=environment, cwd=ROOT, start_new_session=not WINDOWS)
    end_with_us(server)
    address = wait_for_address(server, runtime, token)
    if address:
        say("open this address in a browser, if none has opened (CTRL+C here stops it):\n\n    %s\n" % address)
        if "--no-browser" not in arguments and has_screen():
            webbrowser.open(address)
    status = server.wait()
    if not address and status:
        stop("JupyterLab did not start; its own words are above.")
    return 0 if status in (0, -signal.SIGTERM, -signal.SIGINT) else status


def command(python, arguments):
    given = [argument for argument in arguments if argument != "--no-browser"]
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [
        *(python, "-m", "jupyterlab", "--no-browser"),
        "--ServerApp.log_level=WARN",
        "--ServerApp.answer_yes=True",
        "--ServerApp.root_dir=" + os.path.join(ROOT, "notebooks"),
        "--LabApp.default_url=/lab/tree/" + NOTEBOOK,
        *root,
        *given,
    ]


def end_with_us(server):
    """CTRL+C, a kill, a closed terminal: end the server in order, whatever it is doing.

    Except on Windows it runs in a session of its own, where CTRL+C cannot hit it half-way; SIGTERM it always obeys.
    """
    if WINDOWS:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # there CTRL+C reaches it too, and it ends by itself
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: server.terminate())


def wait_for_address(server, runtime, token):
    """Return the notebook's address as soon as the server with our token answers, None when it ends before that."""
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None:
        for name in os.listdir(runtime):
            information = server_information(os.path.join(runtime, name))
            if information.get("token") == token:
                return "%slab/tree/%s?token=%s" % (information["url"], NOTEBOOK, token)
        if time.monotonic() > deadline:
            server.terminate()
        time.sleep(0.1)
    return None


def server_information(path):
    if not os.path.basename(path).startswith("jpserver-") or not path.endswith(".json"):
        return {}
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):  # gone again, or not yet written to its end
        return {}


def has_screen():
    """Without a screen a text browser might open in this very terminal, and nobody could read the address."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
