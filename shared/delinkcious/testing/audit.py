"""A double of who has acts recorded."""

from delinkcious.audit import Act


class RecordedActs:
    """A `Recorder` that remembers."""

    def __init__(self) -> None:
        self.acts: list[Act] = []

    def record(self, act: Act) -> None:
        """Remembers the act."""
        self.acts.append(act)

    @property
    def actions(self) -> list[str]:
        """What was done, oldest first."""
        return [str(act.action) for act in self.acts]
