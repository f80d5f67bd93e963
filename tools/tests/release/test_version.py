"""Versions."""

import pytest

from tools.release.version import Version


@pytest.mark.parametrize(
    ("part", "after"), [("major", "2.0.0"), ("minor", "1.3.0"), ("patch", "1.2.4")]
)
def test_raising_a_part_begins_those_behind_it_anew(part: str, after: str) -> None:
    assert str(Version.parse("1.2.3\n").raised(part)) == after


def test_another_part_is_none() -> None:
    with pytest.raises(ValueError, match="'build' is none of major, minor, patch"):
        Version.parse("1.2.3").raised("build")


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-rc1", "v1.2.3", "१.2.3"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not MAJOR\.MINOR\.PATCH"):
        Version.parse(text)


def test_versions_are_ordered_by_their_numbers() -> None:
    assert Version.parse("0.9.0") < Version.parse("0.10.0")
