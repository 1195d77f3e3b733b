"""``python -m netlab``: the command."""

from netlab.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
