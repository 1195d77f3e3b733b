"""Run a command where no route leads out: in a network namespace that has nothing but its own loopback.

    python tools/alone.py .venv/bin/python -m pytest --nbval notebooks

Its exit code is that of the command. Where such a namespace is not to be had (macOS, some containers), this is said
and the command runs as it is; with NETLAB_REQUIRE_TOOLS=1, as .ci/run sets it, that is a failure. Standard library
only.
"""

import os
import shutil
import subprocess
import sys

INSIDE = 'ip link set lo up && exec "$@"'


def main(command):
    if not command:
        print("give the command that is to run alone", file=sys.stderr)
        return 2
    reason = missing()
    if not reason:
        command = [*namespace(), *command]
    elif os.environ.get("NETLAB_REQUIRE_TOOLS") == "1":
        print(f"no place without a route: {reason} (and NETLAB_REQUIRE_TOOLS=1 allows no other)", file=sys.stderr)
        return 1
    else:
        print(f"no place without a route: {reason}; it runs as it is", file=sys.stderr, flush=True)
    os.execvp(command[0], command)


def namespace():
    return ["unshare", "-rn", "sh", "-c", INSIDE, "sh"]


def missing():
    """Say what stands in the way, or nothing."""
    # A normal user's PATH on Debian has no sbin, where ip lives.
    os.environ["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    for program, package in (("unshare", "util-linux"), ("ip", "iproute2")):
        if shutil.which(program) is None:
            return f"it needs {program}: apt install {package}"
    tried = subprocess.run([*namespace(), "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return tried.stderr.strip() if tried.returncode else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
