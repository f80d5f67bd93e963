"""Events and their form as messages."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious.messaging import Event, MalformedEvent
from delinkcious.messaging.event import MAX_DATA_BYTES

ID = "0199a1b2-0000-7000-8000-000000000001"
TIME = datetime(2026, 3, 1, 12, 30, 15, 250000, tzinfo=UTC)


def added(**changes: object) -> Event:
    values = {
        "id": ID,
        "type": "links.added",
        "source": "/link-manager",
        "time": TIME,
        "key": "alice",
        "data": {"author": "alice", "tags": ["a", "b"]},
    }
    return Event(**{**values, **changes})  # type: ignore[arg-type]


def decoded(event: Event, **headers: str) -> Event:
    return Event.decode(event.type, {**event.headers(), **headers}, event.payload())


def test_a_message_carries_the_attributes_as_cloudevents_headers() -> None:
    assert added().headers() == {
        "Nats-Msg-Id": ID,
        "ce-specversion": "1.0",
        "ce-id": ID,
        "ce-type": "links.added",
        "ce-source": "/link-manager",
        "ce-time": "2026-03-01T12:30:15.250000Z",
        "ce-partitionkey": "alice",
        "ce-datacontenttype": "application/json",
        "content-type": "application/json",
    }


def test_an_event_comes_out_of_its_message_as_it_went_in() -> None:
    assert decoded(added()) == added()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_key_passes_through_a_header_of_printable_ascii(key: str) -> None:
    header = added(key=key).headers()["ce-partitionkey"]
    assert all("!" <= character <= "~" and character != '"' for character in header)
    assert decoded(added(key=key)).key == key


def test_times_are_sent_in_utc() -> None:
    local = TIME.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert added(time=local).headers()["ce-time"].endswith("12:30:15.250000Z")


def test_context_is_what_is_neither_ours_nor_the_brokers() -> None:
    event = decoded(added(), traceparent="00-1-2-01", baggage="a=b", **{"Nats-Stream": "LINKS"})
    assert event.context == {"traceparent": "00-1-2-01", "baggage": "a=b"}


def test_header_names_may_come_in_any_case() -> None:
    event = added()
    headers = {name.upper(): value for name, value in event.headers().items()}
    assert Event.decode(event.type, headers, event.payload()) == event


@pytest.mark.parametrize(
    ("header", "value", "complaint"),
    [
        ("ce-specversion", "", "ce-specversion: is missing"),
        ("ce-specversion", "0.3", "ce-specversion: '0.3' instead of '1.0'"),
        ("ce-id", "", "ce-id: is missing"),
        ("ce-id", "17", "ce-id: is not a UUID"),
        ("ce-type", "links.gone", "ce-type: 'links.gone' came under the subject 'links.added'"),
        ("ce-source", "", "ce-source: is missing"),
        ("ce-time", "yesterday", "ce-time: is not a time"),
        ("ce-time", "2026-03-01T12:30:15", "ce-time: has no time zone"),
        ("ce-partitionkey", "", "ce-partitionkey: is missing"),
        ("ce-partitionkey", "%C0%A0", "ce-partitionkey: is not UTF-8"),
        ("ce-datacontenttype", "text/xml", "content-type: is not application/json"),
    ],
)
def test_a_wrong_header_is_named(header: str, value: str, complaint: str) -> None:
    with pytest.raises(MalformedEvent, match=complaint.replace(".", r"\.")):
        decoded(added(), **{header: value})


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b"\xff", b'"text"'])
def test_data_must_be_a_json_object(payload: bytes) -> None:
    event = added()
    with pytest.raises(MalformedEvent, match="data: is not"):
        Event.decode(event.type, event.headers(), payload)


def test_data_over_the_limit_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="at most"):
        added(data={"title": "x" * MAX_DATA_BYTES}).payload()


def test_a_new_event_has_an_id_and_a_time_of_its_own() -> None:
    one, other = (Event(type="links.added", source="/x", key="k", data={}) for _ in range(2))
    assert UUID(one.id) != UUID(other.id)
    assert one.time.tzinfo is UTC


def test_a_consequence_told_twice_has_one_id() -> None:
    checked = [
        added().consequence("links.checked", source="/link-checker", data={"n": n}) for n in (1, 2)
    ]
    assert checked[0].id == checked[1].id != ID
    assert checked[0].key == "alice"


def test_consequences_of_different_types_have_different_ids() -> None:
    types = ("links.checked", "links.check.requested")
    assert len({added().consequence(t, source="/x", data={}).id for t in types}) == 2
