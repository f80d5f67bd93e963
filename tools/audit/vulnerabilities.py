"""Known vulnerabilities in the locked requirements, asked of the service that pip-audit names.

pip-audit counts what the service does not know as nothing found, and exits in the same way for a
vulnerability as for a service that is not there. Here these are three different things.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.audit.outcome import Outcome, Report

_ADVICE = """
Until it answers, nothing is known, good or bad. Try again later, or where the internet can be
reached, or ask another service: make audit ARGS='--vulnerability-service osv', and with --osv-url
a mirror of it inside your network.
""".strip().splitlines()


def look_for_vulnerabilities(root: Path, options: Sequence[str] = ()) -> Report:
    """Ask about every version in `requirements/`."""
    files = sorted((root / "requirements").glob("*.txt"))
    done = _pip_audit(files, options)
    try:
        answers: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        return _unchecked(f"the service does not answer: {reason[:300]}")
    known = {answer["name"]: answer for answer in answers}
    if found := list(_vulnerabilities(known.values())):
        return Report(Outcome.FOUND, found)
    if skipped := sorted(name for name, answer in known.items() if "skip_reason" in answer):
        return _unchecked(_not_known(skipped, len(known)))
    line = f"vulnerabilities: none known in {len(known)} requirements"
    return Report(Outcome.CLEAN, [line])


def _pip_audit(files: Iterable[Path], options: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"),
        *("--require-hashes", "--disable-pip", *options),
        *(part for file in files for part in ("--requirement", str(file))),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _vulnerabilities(answers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for answer in answers:
        for vulnerability in answer.get("vulns", ()):
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            names = ", ".join([vulnerability["id"], *vulnerability.get("aliases", ())])
            where = f"{answer['name']} {answer['version']}"
            yield f"vulnerabilities: {where}: {names} (mended in {fixed}; make lock)"


def _not_known(skipped: Sequence[str], total: int) -> str:
    shown = ", ".join(skipped[:5]) + (", …" if len(skipped) > 5 else "")
    return f"the service knows nothing of {len(skipped)} of {total} requirements: {shown}"


def _unchecked(reason: str) -> Report:
    return Report(Outcome.UNCHECKED, [f"vulnerabilities: NOT CHECKED: {reason}", *_ADVICE])
