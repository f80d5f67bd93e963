"""Telling the trail without an outbox."""

from delinkcious.audit import Act, Action, EventRecorder
from delinkcious.messaging.event import Event


class Soon:
    """A `SoonPublisher` that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish_soon(self, event: Event) -> None:
        self.events.append(event)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


EXPORT = Act(action=Action.LINKS_EXPORTED, username="alice")
REFUSAL = Act(action=Action.CALL_REFUSED, details={"route": "/links"})


def test_an_act_becomes_an_event_of_the_service() -> None:
    soon = Soon()
    EventRecorder(soon, "api-gateway").record(EXPORT)
    [event] = soon.events
    assert (event.source, Act.of(event)) == ("/api-gateway", EXPORT)


def test_what_concerns_an_account_is_always_told() -> None:
    soon = Soon()
    recorder = EventRecorder(soon, "api-gateway", Clock())
    for _ in range(100):
        recorder.record(EXPORT)
        recorder.record(Act(action=Action.LOGIN_FAILED, github_id=1))
    assert len(soon.events) == 200


def test_of_what_strangers_do_it_tells_some_and_how_many_it_left_out() -> None:
    """A flood of refused calls must not fill the stream."""
    soon, clock = Soon(), Clock()
    recorder = EventRecorder(soon, "link-manager", clock)
    for _ in range(1000):
        recorder.record(REFUSAL)
    assert len(soon.events) == 20
    clock.now += 1
    recorder.record(REFUSAL)
    recorder.record(REFUSAL)
    assert len(soon.events) == 21
    assert soon.events[-1].data["details"] == {"route": "/links", "left_out": 980}
    clock.now += 3600
    for _ in range(30):
        recorder.record(REFUSAL)
    assert len(soon.events) == 41


def test_what_strangers_do_hides_nothing_else() -> None:
    """Neither what an operator changed, nor what a service that was taken over tries."""
    soon = Soon()
    recorder = EventRecorder(soon, "link-manager", Clock())
    for _ in range(1000):
        recorder.record(Act(action=Action.CALL_REFUSED, details={"caller": "unknown"}))
        recorder.record(Act(action=Action.LOGIN_FAILED))
    known = Act(action=Action.CALL_REFUSED, details={"caller": "news-manager"})
    changed = Act(action=Action.LIMITS_CHANGED, details={"setting": "limits.login"})
    recorder.record(known)
    recorder.record(changed)
    assert [Act.of(event) for event in soon.events[40:]] == [known, changed]
