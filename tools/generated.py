"""The command line of a file that a tool writes and that is committed.

Without options it writes the file; with ``--check`` it fails if that would change it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(file: Path, text: str, module: str, arguments: Sequence[str] | None = None) -> None:
    """Runs the command line.

    Args:
        text: what the file has to be.
        module: of the tool, as Python is told to run it.
    """
    command = f"python -m {module}"
    parser = argparse.ArgumentParser(prog=command, description=f"Writes {file.name}.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail if not current")
    if not parser.parse_args(arguments).check:
        file.write_text(text, encoding="utf-8")
    elif not file.exists() or file.read_text(encoding="utf-8") != text:
        sys.exit(f"{file.name} is not current; run: {command}")
