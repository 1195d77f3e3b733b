"""Write constraints.txt: the exact version of everything that the base and all extras install, tested together.

    make constraints PYTHON=/usr/bin/python3

Made from a fresh environment without pins, by the oldest Python at hand: what it gets, newer ones can install too, but
not the other way round (Debian 12 has 3.11.2, and some packages want a later 3.11). Only names and versions go into
the file: where a package came from is the business of whoever installs it.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+")
HEAD = """\
# The versions that a test run of the base and every extra was made with, for repeatable installs:
#     pip install -c constraints.txt -e '.[test]'
# Written by `make constraints`; names and versions only, no addresses.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder, "bin", "python"))
        everything = f"{ROOT}[test,bench,teach]"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-e", everything], check=True)
        frozen = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True).stdout
    pins = [line for line in frozen.splitlines() if not line.startswith(("#", "-e", "netlab"))]
    strange = [line for line in pins if not PIN.fullmatch(line)]
    if strange:
        raise SystemExit(f"these did not come from a package registry and cannot be pinned: {', '.join(strange)}")
    (ROOT / "constraints.txt").write_text(HEAD + "\n".join(sorted(pins, key=str.lower)) + "\n")


if __name__ == "__main__":
    main()
