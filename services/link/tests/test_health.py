"""The rules of health, by example and by random walks through all outcomes and pauses."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from delinkcious.object_model.links import LinkStatus
from link_service.health import Health, HealthRules, Pace

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (
    timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days")
)
ANSWERS = ["ok", "moved"]
MISSING = ["not_found", "gone"]
FAILURES = [
    "client_error", "server_error", "timeout", "dns", "tls", "refused", "unreachable",
    "forbidden_address", "too_many_redirects", "too_large", "bad_response", "invalid_url",
    "something new",
]  # fmt: skip

rules = HealthRules()


def after(*checks: tuple[str, timedelta], health: Health | None = None) -> Health:
    """What is known after checks, each with the time since the one before."""
    health = health or Health()
    at = health.checked_at or START
    for outcome, pause in checks:
        at += pause
        health = rules.after(health, outcome, at)
    return health


def every(pause: timedelta, *outcomes: str) -> list[tuple[str, timedelta]]:
    return [(outcome, pause) for outcome in outcomes]


def on_time(*outcomes: str) -> Health:
    """What is known when each check is made as soon as it is due."""
    health, at = Health(), START
    for outcome in outcomes:
        health = rules.after(health, outcome, at)
        at += rules.pause(health, 0)
    return health


class TestStatus:
    @pytest.mark.parametrize("outcome", ANSWERS)
    def test_the_first_answer_makes_a_link_valid(self, outcome: str) -> None:
        assert after((outcome, HOUR)).status is LinkStatus.VALID

    @pytest.mark.parametrize("outcome", ANSWERS)
    @pytest.mark.parametrize("before", [*MISSING, *FAILURES])
    def test_so_does_the_first_one_after_failures(self, before: str, outcome: str) -> None:
        dead = on_time(*[before] * 20)
        assert dead.status is LinkStatus.INVALID
        assert after((outcome, SECOND), health=dead).status is LinkStatus.VALID

    @pytest.mark.parametrize("first", MISSING)
    @pytest.mark.parametrize("second", MISSING)
    @pytest.mark.parametrize("before", [(), ("ok",)])
    def test_a_page_is_missing_when_a_second_check_says_so(
        self, before: tuple[str, ...], first: str, second: str
    ) -> None:
        once = on_time(*before, first)
        assert once.status is (LinkStatus.VALID if before else LinkStatus.PENDING)
        assert after((second, SECOND), health=once).status is LinkStatus.INVALID

    def test_a_second_check_at_the_same_moment_confirms_nothing(self) -> None:
        assert after(*every(SECOND / 10, "gone", "gone")).status is LinkStatus.PENDING

    @pytest.mark.parametrize("other", ["ok", "timeout", "blocked"])
    def test_it_is_not_missing_if_something_else_is_found_in_between(self, other: str) -> None:
        assert after(*every(SECOND, "gone", other, "gone")).status is not LinkStatus.INVALID

    @pytest.mark.parametrize("outcome", FAILURES)
    def test_other_failures_need_many_checks_over_a_long_time(self, outcome: str) -> None:
        assert after(*every(SECOND, *[outcome] * 100)).status is LinkStatus.PENDING
        assert after(*every(HOUR, *[outcome] * 3)).status is LinkStatus.PENDING
        assert after(*every(HOUR, *[outcome] * 4)).status is LinkStatus.INVALID

    def test_failures_of_different_kinds_add_up(self) -> None:
        assert after(*every(HOUR, "dns", "gone", "tls", "timeout")).status is LinkStatus.INVALID

    def test_an_answer_in_between_begins_anew(self) -> None:
        checks = every(HOUR, "dns", "dns", "dns", "ok", "dns", "dns", "dns")
        assert after(*checks).status is LinkStatus.VALID

    @pytest.mark.parametrize("before", ["ok", "gone"])
    def test_being_blocked_changes_nothing(self, before: str) -> None:
        known = on_time(before, before)
        assert after(*every(DAY, *["blocked"] * 50), health=known).status is known.status

    def test_failures_around_a_block_add_up(self) -> None:
        checks = every(HOUR, "dns", "dns", "blocked", "dns", "dns")
        assert after(*checks).status is LinkStatus.INVALID

    @pytest.mark.parametrize("outcome", [*FAILURES, *MISSING, "blocked"])
    def test_what_is_invalid_stays_so_until_it_answers(self, outcome: str) -> None:
        dead = on_time("gone", "gone")
        assert after((outcome, SECOND), health=dead).status is LinkStatus.INVALID


class TestAttempts:
    def test_they_are_counted_until_the_page_answers(self) -> None:
        outcomes = ["dns", "blocked", "gone", "ok", "ok", "timeout", "ok"]
        found = [on_time(*outcomes[: end + 1]).attempts for end in range(len(outcomes))]
        assert found == [1, 2, 3, 4, 1, 1, 2]


class TestPauses:
    def test_a_missing_page_is_looked_at_again_after_a_second(self) -> None:
        health = on_time("ok", "gone")
        assert rules.pause(health, 0) == SECOND
        assert rules.awaits_confirmation(health)
        assert not rules.awaits_confirmation(on_time("gone", "gone"))

    def test_failures_are_retried_less_and_less_often_until_it_is_decided(self) -> None:
        minutes = [rules.pause(on_time(*["timeout"] * n), 0) / MINUTE for n in range(1, 9)]
        assert minutes == [1, 1, 2, 4, 8, 15, 15, 15]
        assert on_time(*["timeout"] * 9).status is LinkStatus.INVALID

    def test_dead_links_are_checked_less_and_less_often(self) -> None:
        days = [rules.pause(on_time(*["gone"] * n), 0) / DAY for n in range(2, 12)]
        assert days == sorted(days)
        assert (days[0], days[-1]) == (0.25, 30)

    def test_healthy_links_are_checked_less_and_less_often(self) -> None:
        days = [rules.pause(on_time(*["ok"] * n), 0) / DAY for n in range(1, 9)]
        assert days == [1, 1, 2, 4, 8, 16, 30, 30]

    def test_a_link_that_failed_is_watched_closely_again_when_it_answers(self) -> None:
        assert rules.pause(on_time(*["ok"] * 8, "timeout", "ok"), 0) == DAY

    def test_wanting_it_checked_often_does_not_make_the_periodic_checks_rarer(self) -> None:
        assert rules.pause(after(*every(SECOND, *["ok"] * 50)), 0) == DAY

    def test_a_server_that_sends_us_away_is_left_in_peace(self) -> None:
        minutes = [rules.pause(on_time(*["blocked"] * n), 0) / MINUTE for n in (1, 2, 3, 4, 50)]
        assert minutes == [15, 30, 60, 120, 24 * 60]

    def test_pauses_are_longer_by_chance(self) -> None:
        health = on_time("ok")
        assert [rules.pause(health, luck) / DAY for luck in (0, 0.5, 1)] == [1, 1.125, 1.25]

    def test_a_pace_has_limits(self) -> None:
        pace = Pace(SECOND, MINUTE)
        assert [pace.after(t) for t in (timedelta(), 2 * SECOND, HOUR)] == [
            SECOND, 2 * SECOND, MINUTE,
        ]  # fmt: skip
        assert pace.doubled(10**6) == MINUTE


class Walk(RuleBasedStateMachine):
    """Checks of one URL with any outcome, on time, early or late."""

    def __init__(self) -> None:
        super().__init__()
        self.health = Health()
        self.now = START
        self.due = START
        self.told: list[tuple[str, datetime]] = []

    @rule(outcome=st.sampled_from(ANSWERS + MISSING + FAILURES + ["blocked"] * 5))
    def check_when_due(self, outcome: str) -> None:
        self.now = max(self.now, self.due)
        self._check(outcome)

    @rule(outcome=st.sampled_from(ANSWERS + MISSING + FAILURES + ["blocked"]))
    def check_at_once(self, outcome: str) -> None:
        self._check(outcome)

    @rule(pause=st.timedeltas(timedelta(milliseconds=1), 100 * DAY))
    def wait(self, pause: timedelta) -> None:
        self.now += pause

    @precondition(lambda self: self.told)
    @rule()
    def repeat(self) -> None:
        """The same as before, as soon as it is due."""
        self.check_when_due(self.told[-1][0])

    def _check(self, outcome: str) -> None:
        before = self.health
        self.health = rules.after(before, outcome, self.now)
        self.told.append((outcome, self.now))
        self.due = self.now + rules.pause(self.health, 0)
        if outcome in ANSWERS:
            assert self.health.status is LinkStatus.VALID
        if outcome == "blocked":
            assert self.health.status is before.status
        if before.status is not self.health.status is LinkStatus.INVALID:
            self._became_invalid_for_a_reason()

    def _became_invalid_for_a_reason(self) -> None:
        since_answer: list[tuple[str, datetime]] = []
        for outcome, at in self.told:
            since_answer = [] if outcome in ANSWERS else [*since_answer, (outcome, at)]
        failed = [at for outcome, at in since_answer if outcome != "blocked"]
        last = since_answer[-2:]
        confirmed = len(last) == 2 and all(outcome in MISSING for outcome, _ in last)
        confirmed = confirmed and last[1][1] - last[0][1] >= SECOND / 2
        assert confirmed or (len(failed) >= 4 and failed[-1] - failed[0] >= HOUR)

    @invariant()
    def the_next_check_is_due_in_good_time(self) -> None:
        if self.told:
            at = self.told[-1][1]
            assert at + SECOND <= self.due <= at + 30 * DAY

    @invariant()
    def pending_is_what_never_answered_and_never_proved_dead(self) -> None:
        if self.health.status is LinkStatus.PENDING:
            assert not any(outcome in ANSWERS for outcome, _ in self.told)

    @invariant()
    def attempts_are_the_checks_since_the_last_answer(self) -> None:
        answered = [n for n, (outcome, _) in enumerate(self.told[:-1]) if outcome in ANSWERS]
        assert self.health.attempts == len(self.told) - (answered[-1] + 1 if answered else 0)


TestWalks = Walk.TestCase
TestWalks.settings = settings(stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow])
