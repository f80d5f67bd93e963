"""``python -m tools.who_calls_what`` writes the page, with ``--check`` it fails if that would
change it.
"""

import argparse
import sys

from tools.who_calls_what import PAGE, page


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail if not current")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit(f"{PAGE.name} is not current; run: python -m tools.who_calls_what")


if __name__ == "__main__":
    main()
