"""``python3 -m tools.delivery --since REVISION``: what a change has tested and built, as JSON.

The parameters of ``.circleci/continue.yml``. It needs git, bash and Python's own library, so that
it runs before anything is installed.
"""

import argparse
import json
import sys
from pathlib import Path

from tools.delivery.plan import PlanError, plan


def main(arguments: list[str] | None = None) -> int:
    """Prints the plan."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.delivery", description=__doc__)
    parser.add_argument("--since", default="", help="everything, if left out or unknown here")
    given = parser.parse_args(arguments)
    try:
        print(json.dumps(plan(Path.cwd(), given.since), indent=2))
    except PlanError as error:
        print(f"delivery: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
