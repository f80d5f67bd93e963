"""The transactional outbox: events written with the change that they tell of, and a relay.

A request calls `append` in its transaction; a worker runs a `Relay`. An event is then published if
and only if its change was committed.
"""

from delinkcious.outbox.entry import Entry, append, statement
from delinkcious.outbox.relay import Relay
from delinkcious.outbox.schema import CREATE_OUTBOX

__all__ = ["CREATE_OUTBOX", "Entry", "Relay", "append", "statement"]
