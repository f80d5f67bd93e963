"""`python -m tools.audit [options of pip-audit]`: see the package.

Exits 0 if nothing was found, 1 if something was, and 69 (EX_UNAVAILABLE) if nothing was found
because the service that knows the vulnerabilities could not be asked: that is no good news.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.audit.leaks import logs_of, look_for_leaks
from tools.audit.outcome import Outcome, Report
from tools.audit.secrets import look_for_secrets
from tools.audit.vulnerabilities import look_for_vulnerabilities

ROOT = Path(__file__).parents[2]
_EXIT_CODES = {Outcome.CLEAN: 0, Outcome.FOUND: 1, Outcome.UNCHECKED: 69}


def main(options: list[str]) -> int:
    """Look for both, say what was found, and return the exit code."""
    worst = Outcome.CLEAN
    for report in _reports(options):
        for line in report.lines:
            print(line, flush=True)
        worst = max(worst, report.outcome)
    return _EXIT_CODES[worst]


def _reports(options: list[str]) -> Iterator[Report]:
    yield look_for_secrets(ROOT)
    directory = Path(os.environ.get("DELINKCIOUS_LOCAL_DIR") or ROOT / ".local")
    if logs_of(directory):
        yield look_for_leaks(directory)
    yield look_for_vulnerabilities(ROOT, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
