"""The settings, and the rules of health that they make."""

from datetime import timedelta

import pytest

from delinkcious.config import ConfigurationError
from link_service.config import LinkSettings
from link_service.health import HealthRules, Pace


def test_by_default_the_rules_are_those_of_the_code() -> None:
    assert LinkSettings.load().health_rules == HealthRules()


def test_the_rules_are_made_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CHECK_CONFIRM_AFTER": "0.5",
        "CHECK_RETRY_AFTER": "2",
        "CHECK_FAILURES": "3",
        "CHECK_FAILING_FOR": "10",
        "CHECK_DEAD_AGAIN_AFTER": "20",
        "CHECK_AGAIN_AFTER": "40",
        "CHECK_AGAIN_AT_MOST": "80",
    }.items():
        monkeypatch.setenv(name, value)
    seconds = [timedelta(seconds=n) for n in range(81)]
    assert LinkSettings.load().health_rules == HealthRules(
        confirm_after=timedelta(seconds=0.5),
        failures=3,
        failing_for=seconds[10],
        retry=Pace(seconds[2], seconds[30]),
        dead=Pace(seconds[20], seconds[80]),
        healthy=Pace(seconds[40], seconds[80]),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHECK_CONFIRM_AFTER", "0"),
        ("CHECK_FAILURES", "1"),
        ("CHECK_FAILING_FOR", "-1"),
        ("CHECK_AGAIN_AT_MOST", "inf"),
    ],
)
def test_a_wrong_value_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        LinkSettings.load()
