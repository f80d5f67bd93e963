"""What somebody did, as an event and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious.audit import Act, Action, Origin, Outcome
from delinkcious.messaging.event import MAX_DATA_BYTES, MalformedEvent

DONE = Act(
    action=Action.TOKEN_CREATED,
    username="alice",
    origin=Origin.of("203.0.113.7", "curl/8"),
    token_id=17,
    token_name="backup",
    details={"scopes": "links:read news", "expires": True, "count": 2, "nothing": None},
)


def test_an_act_comes_back_from_its_event() -> None:
    event = DONE.to_event("user-manager")
    assert (event.type, event.source, event.key) == ("audit.recorded", "/user-manager", "alice")
    assert Act.of(event) == DONE


def test_what_concerns_nobody_has_the_service_as_its_key() -> None:
    refused = Act(action=Action.CALL_REFUSED, outcome=Outcome.REFUSED)
    assert refused.to_event("link-manager").key == "link-manager"


def test_an_action_that_is_not_known_yet_is_kept_as_it_is() -> None:
    assert Act.of(Act(action="teleported").to_event("x")).action == "teleported"


@pytest.mark.parametrize("name", ["token", "access_token", "password", "Authorization", "email"])
def test_a_detail_with_the_name_of_a_secret_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no details for the audit trail"):
        Act(action=Action.LOGGED_IN, details={name: "x"})


@pytest.mark.parametrize(
    "secret",
    ["dls_" + "a" * 43, "dlt_" + "B" * 43, "ghp_" + "c" * 36, "someone@example.com"],
)
def test_a_secret_wherever_a_client_puts_it_is_made_unreadable(secret: str) -> None:
    done = Act(
        action=Action.TOKEN_CREATED,
        origin=Origin.of(secret, f"agent {secret}"),
        token_name=f"my {secret}",
        details={"note": f"see {secret}"},
    )
    assert secret not in repr(done.to_data())


@given(st.text(), st.text(), st.dictionaries(st.just("note"), st.text()))
def test_whatever_a_client_says_becomes_printable_and_short(
    agent: str, name: str, details: dict[str, Any]
) -> None:
    done = Act(
        action=Action.LOGGED_IN,
        origin=Origin.of(agent, agent * 100),
        token_name=name * 100,
        details=details,
    )
    event = done.to_event("x")
    assert len(event.payload()) < MAX_DATA_BYTES // 100
    data = event.data
    for text in (data["user_agent"], data["token_name"], *data["details"].values()):
        assert text is None or text.isprintable()
    assert Act.of(event).to_data() == data


@given(
    st.dictionaries(st.sampled_from(sorted(DONE.to_data())), st.none() | st.integers() | st.text())
)
def test_any_other_event_is_malformed_or_an_act(changed: dict[str, Any]) -> None:
    event = DONE.to_event("x")
    object.__setattr__(event, "data", {**event.data, **changed})
    try:
        read = Act.of(event)
    except MalformedEvent:
        return
    assert read.action
