"""Make the checkout's own environment, `.venv`, and install netlab with its dependencies into it.

    python3 tools/environment.py              # what a learner needs
    python3 tools/environment.py test teach   # with extras of pyproject.toml

Strategy: a file in `.venv` says what was installed from which pyproject.toml and constraints.txt, and where. While
that is still true a call ends at once and needs no internet; otherwise pip is asked again. Standard library only, and
written so that an older Python can read it and say in one sentence that it is too old.
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST = (3, 11)
EXTRAS = ("test", "bench", "teach")
WINDOWS = os.name == "nt"

# JupyterLab asks at its first start whether it may fetch news, in a box that lies over the notebook.
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": False,
    }
}


def main(arguments):
    extras = [extra for word in arguments for extra in word.split(",") if extra]
    unknown = [extra for extra in extras if extra not in EXTRAS]
    if unknown:
        stop("there is no extra called %s; there are %s." % (unknown[0], ", ".join(EXTRAS)))
    ensure(extras)


def ensure(extras=(), root=ROOT):
    """Return the path of `.venv`'s Python, with netlab's base and these extras installed."""
    refuse_old_python()
    folder = os.path.join(root, ".venv")
    python = os.path.join(folder, "Scripts", "python.exe") if WINDOWS else os.path.join(folder, "bin", "python")
    record = os.path.join(folder, "netlab-installed.json")
    state = fingerprint(root)
    installed = read(record)
    have = installed.get("extras", [])
    if installed.get("state") == state and set(extras) <= set(have) and works(python):
        return python
    if not works(python, "-m", "pip", "--version"):
        refuse_missing_venv()
        say("making an environment for netlab in .venv")
        run([sys.executable, "-m", "venv", "--clear", folder], "Python could not make the environment .venv.")
    wanted = sorted(set(extras) | set(have))
    named = "[" + ",".join(wanted) + "]" if wanted else ""
    say("installing netlab%s and what it needs; this is done once" % named)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(
        [*pip, "-c", os.path.join(root, "constraints.txt"), "-e", root + named],
        "pip could not install the packages. The first time this needs the internet; pip's own words are above.",
    )
    write_lab_settings(folder)
    with open(record, "w") as file:
        json.dump({"state": state, "extras": wanted}, file)
    return python


def refuse_old_python():
    if sys.version_info[:2] < OLDEST:
        stop(
            "netlab needs Python %d.%d or newer, and this is Python %d.%d: name a newer one, "
            "for example `make lab PYTHON=python3.12`." % (OLDEST + tuple(sys.version_info[:2]))
        )


def refuse_missing_venv():
    """Debian and Ubuntu ship Python without the part that makes environments: name the one package to install."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        package = "python%d.%d-venv" % tuple(sys.version_info[:2])
        stop("this Python cannot make environments yet: `apt install %s` brings what is missing." % package)


def fingerprint(root):
    """Change whenever the installation could: other dependencies, other pins, another folder."""
    digest = hashlib.sha256(root.encode())
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(root, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read(record):
    try:
        with open(record) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def works(python, *arguments):
    """Tell whether this Python starts: it does not after the system's Python went away or the folder was moved."""
    try:
        command = [python, *(arguments or ("-c", ""))]
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def write_lab_settings(folder):
    config = os.path.join(folder, "etc", "jupyter", "labconfig")
    os.makedirs(config, exist_ok=True)
    with open(os.path.join(config, "default_setting_overrides.json"), "w") as file:
        json.dump(LAB_SETTINGS, file, indent=1)


def run(command, complaint):
    if subprocess.call(command) != 0:
        stop(complaint)


def say(text):
    print("netlab: " + text, flush=True)


def stop(text):
    raise SystemExit("netlab: " + text)


if __name__ == "__main__":
    main(sys.argv[1:])
