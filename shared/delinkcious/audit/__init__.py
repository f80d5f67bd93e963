"""The audit trail: who did what, when and from where (docs/audit.md).

What somebody did is an `Act`. A service with an outbox writes it there, in the transaction of what
it tells of; others hand it to a `Recorder`, which does what it can. Both become events of the
stream AUDIT, and the user service keeps them.
"""

from delinkcious.audit.act import RECORDED, Act, Action, Outcome
from delinkcious.audit.origin import NOWHERE, Origin
from delinkcious.audit.recorder import EventRecorder, Recorder

__all__ = ["NOWHERE", "RECORDED", "Act", "Action", "EventRecorder", "Origin", "Outcome", "Recorder"]
