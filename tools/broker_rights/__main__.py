"""``python -m tools.broker_rights`` writes the file, with ``--check`` it fails if that would change
it.
"""

import argparse
import sys

from tools.broker_rights import FILE, text


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail if not current")
    if not parser.parse_args().check:
        FILE.write_text(text(), encoding="utf-8")
    elif FILE.read_text(encoding="utf-8") != text():
        sys.exit(f"{FILE.name} is not current; run: python -m tools.broker_rights")


if __name__ == "__main__":
    main()
