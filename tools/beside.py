"""Run commands side by side: the first only where the others leave a CPU idle.

    python tools/beside.py 'make rates' 'make sockets' 'make browsers'

The second is seen as it runs; what the first and all others said is printed when all have ended. The first must depend
on no clock: on Linux it gets a CPU only when nobody else wants it, elsewhere a low priority, so that tests which
measure time are hardly disturbed. The others are for what waits more than it works. The exit code is 1 when any of
them failed. Standard library only.

Linux shares its CPUs out in two steps: first among sessions (sched(7), "The autogroup feature"), then among the
processes of each. SCHED_IDLE counts in the second step only, and a session of idle processes would get as much as one
of busy ones; so the session of the first command steps back, too.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile

AUTOGROUP = "/proc/self/autogroup"
LEAST = "19"  # the nice value that leaves most to others: 15 parts, where an ordinary session gets 1024


def main(commands):
    if len(commands) < 2:
        print("give two commands or more: what runs where CPUs are idle, what is seen, what waits", file=sys.stderr)
        return 2
    quiet, seen, *others = commands
    started = []
    try:
        started.append(_start(quiet, _give_way))
        started += [_start(each, None) for each in others]
        failed = subprocess.call(shlex.split(seen)) != 0
        # What takes idle CPUs ends last, as a rule: told in the order in which one would look at it.
        for command, process, said in [*started[1:], started[0]]:
            failed |= process.wait() != 0
            said.seek(0)
            print(f"meanwhile: {command}", flush=True)
            sys.stdout.buffer.write(said.read())
            sys.stdout.flush()
    except BaseException:
        for _, process, _ in started:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it and everything that it started have ended
            process.wait()
        raise
    finally:
        for _, _, said in started:
            said.close()
    return 1 if failed else 0


def _start(command, first):
    """Give a command, its process and the file of what it says."""
    said = tempfile.TemporaryFile()
    # A session of its own: when this is interrupted, everything that the command started can be ended.
    process = subprocess.Popen(
        shlex.split(command), stdin=subprocess.DEVNULL, stdout=said, stderr=said, preexec_fn=first,
        start_new_session=True,
    )  # fmt: skip
    return command, process, said


def _give_way():
    if not hasattr(os, "SCHED_IDLE"):
        os.nice(19)
        return
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        with open(AUTOGROUP, "w") as autogroup:
            autogroup.write(LEAST)
    except OSError:
        pass  # a kernel that does not group by session


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
