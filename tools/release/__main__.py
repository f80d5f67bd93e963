"""``python -m tools.release SERVICE PART``: a new version of a service, its news, and a tag.

The commit changes the service's ``VERSION`` and ``CHANGELOG.md``, and nothing else; the tag is
``SERVICE/VERSION``. Nothing is pushed.
"""

import argparse
import sys
from datetime import date
from pathlib import Path

from tools.release.release import MAIN, ReleaseError, Repository, release
from tools.release.version import PARTS


def main(arguments: list[str] | None = None) -> int:
    """Releases what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("service")
    parser.add_argument("part", choices=PARTS)
    given = parser.parse_args(arguments)
    repository = Repository(Path.cwd())
    try:
        tag = release(repository, given.service, given.part, date.today())  # noqa: DTZ011 - whoever releases lives by their own calendar
    except (ReleaseError, ValueError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    print(f"tagged {tag}; publish it with: git push origin {MAIN} {tag}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
