"""What the audit as a whole says, and how it exits."""

import pytest

from tools.audit import __main__ as audit
from tools.audit.outcome import Outcome, Report


@pytest.mark.parametrize(
    ("secrets", "vulnerabilities", "code"),
    [
        (Outcome.CLEAN, Outcome.CLEAN, 0),
        (Outcome.CLEAN, Outcome.UNCHECKED, 69),
        (Outcome.CLEAN, Outcome.FOUND, 1),
        (Outcome.FOUND, Outcome.UNCHECKED, 1),
        (Outcome.FOUND, Outcome.CLEAN, 1),
    ],
)
def test_the_worst_outcome_decides(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    secrets: Outcome,
    vulnerabilities: Outcome,
    code: int,
) -> None:
    reports = [Report(secrets, ["said of secrets"]), Report(vulnerabilities, ["of the others"])]
    monkeypatch.setattr(audit, "_reports", lambda _options: iter(reports))
    assert audit.main([]) == code
    assert capsys.readouterr().out == "said of secrets\nof the others\n"
