"""What a service has recorded while it serves."""

import nats
import orjson
import pytest
from nats.js.errors import NotFoundError

from delinkcious.audit import Act
from delinkcious.audit.serving import limit_changes, recording
from delinkcious.auth import Refusal
from delinkcious.config import BrokerSettings
from delinkcious.live import Change
from delinkcious.messaging.streams import AUDIT
from delinkcious.testing.addresses import NatsAddress
from delinkcious.testing.audit import RecordedActs
from delinkcious.testing.peers import auth_for
from delinkcious.testing.waiting import eventually, free_port


class Settings(BrokerSettings):
    service_name = "note-manager"
    port: int = 1


@pytest.mark.integration
async def test_a_refused_call_reaches_the_stream(nats_address: NatsAddress) -> None:
    settings = Settings(
        nats_cluster_service_host=nats_address.host, nats_cluster_service_port=nats_address.port
    )
    auth = auth_for("ann")
    client = await nats.connect(nats_address.url)

    async def told() -> object:
        try:
            message = await client.jetstream().get_last_msg(AUDIT.name, "audit.recorded")
        except NotFoundError:
            return None
        return {**orjson.loads(message.data or b""), **(message.headers or {})}

    with recording(settings, auth):
        auth.refuse(Refusal("GET /notes", None, "203.0.113.7"))
        event = await eventually(told)
    await client.close()
    assert isinstance(event, dict)
    assert (event["ce-source"], event["action"]) == ("/note-manager", "call_refused")
    assert (event["outcome"], event["username"]) == ("refused", None)
    assert event["address"] == "203.0.113.7"
    assert event["details"] == {"call": "GET /notes", "caller": "unknown"}


def test_without_a_broker_a_service_serves_all_the_same() -> None:
    settings = Settings(
        nats_cluster_service_host="127.0.0.1", nats_cluster_service_port=free_port()
    )
    auth = auth_for("ann")
    with recording(settings, auth):
        auth.refuse(Refusal("GET /notes", "ann", ""))


def test_changes_of_limits_are_recorded_and_no_others() -> None:
    recorder = RecordedActs()
    limit_changes(recorder, "limits.", "max_links")(
        [
            Change("limits.user", "600/minute", "60/minute"),
            Change("log_level", "INFO", "DEBUG"),
            Change("max_links_per_user", 10, None),
            Change("limits.ways", ["a"], ["a", "b"]),
        ]
    )
    assert [dict(act.details) for act in recorder.acts] == [
        {"setting": "limits.user", "old": "600/minute", "new": "60/minute"},
        {"setting": "max_links_per_user", "old": 10, "new": None},
        {"setting": "limits.ways", "old": "['a']", "new": "['a', 'b']"},
    ]
    assert all(isinstance(act, Act) and act.username is None for act in recorder.acts)
