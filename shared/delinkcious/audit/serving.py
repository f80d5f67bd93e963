"""What a service has recorded while it serves: calls that it did not let in, and changed limits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from delinkcious.audit.act import Act, Action, Detail, Outcome
from delinkcious.audit.origin import Origin
from delinkcious.audit.recorder import EventRecorder, Recorder
from delinkcious.auth import MutualAuth, Refusal
from delinkcious.config import BrokerSettings
from delinkcious.live import Change, Listener
from delinkcious.messaging.background import BackgroundBroker


@contextmanager
def recording(settings: BrokerSettings, auth: MutualAuth) -> Iterator[Recorder]:
    """Has it recorded which calls a service refuses while it serves, over a connection to NATS that
    it can do without. Gives the recorder, for what else there is to record.
    """
    broker = BackgroundBroker.from_settings(settings)
    recorder = EventRecorder(broker, settings.service_name)
    auth.on_refusal(lambda refusal: recorder.record(act_of(refusal)))
    broker.start()
    try:
        yield recorder
    finally:
        broker.close()


def act_of(refusal: Refusal) -> Act:
    """Returns what the trail says of a refused call."""
    return Act(
        action=Action.CALL_REFUSED,
        outcome=Outcome.REFUSED,
        origin=Origin.of(refusal.address, None),
        details={"call": refusal.call, "caller": refusal.caller or "unknown"},
    )


def limit_changes(recorder: Recorder, *names: str) -> Listener:
    """Returns what has changes of limits recorded; for `delinkcious.live.Live.on_change`.

    Args:
        names: how the names of those settings begin.
    """

    def record(changes: Sequence[Change]) -> None:
        for change in changes:
            if change.name.startswith(names):
                details = {"setting": change.name, "old": change.old, "new": change.new}
                shown = {name: _shown(value) for name, value in details.items()}
                recorder.record(Act(action=Action.LIMITS_CHANGED, details=shown))

    return record


def _shown(value: object) -> Detail:
    return value if value is None or isinstance(value, str | int | float) else str(value)
