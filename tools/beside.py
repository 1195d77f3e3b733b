"""Run two commands side by side: the first only where the second leaves a CPU idle.

    python tools/beside.py 'make rates' 'make real'

The second is seen as it runs; what the first said is printed when both have ended. The first must depend on no clock:
on Linux it gets a CPU only when nobody else wants it (SCHED_IDLE), elsewhere a low priority, so that tests which
measure time are hardly disturbed. The exit code is 1 when either failed. Standard library only.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile


def main(commands):
    if len(commands) != 2:
        print("give two commands: what runs where CPUs are idle, and what is seen", file=sys.stderr)
        return 2
    quiet, seen = commands
    with tempfile.TemporaryFile() as said:
        # A session of its own: when this is interrupted, everything that the quiet one started can be ended.
        first = subprocess.Popen(
            shlex.split(quiet), stdin=subprocess.DEVNULL, stdout=said, stderr=said, preexec_fn=_give_way,
            start_new_session=True,
        )  # fmt: skip
        try:
            second = subprocess.call(shlex.split(seen))
            first.wait()
        except BaseException:
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
            raise
        said.seek(0)
        print(f"meanwhile: {quiet}", flush=True)
        sys.stdout.buffer.write(said.read())
        sys.stdout.flush()
    return 1 if first.returncode or second else 0


def _give_way():
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
