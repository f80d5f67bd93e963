"""Followers and following through the gateway."""

from api_gateway.testing import Caller, fields


def test_following_somebody_shows_on_both_sides(alice: Caller, bob: Caller) -> None:
    followed = bob.post("/v1/following", json={"username": "Alice"})
    assert (followed.status_code, followed.json) == (201, {"username": "alice"})
    assert bob.get("/v1/following").json == {"following": ["alice"], "next_page_token": None}
    assert alice.get("/v1/followers").json == {"followers": ["bob"], "next_page_token": None}
    assert alice.get("/v1/following").json == {"following": [], "next_page_token": None}


def test_the_name_may_come_in_the_query_as_the_first_clients_send_it(
    alice: Caller, bob: Caller
) -> None:
    assert bob.post("/v1/following?username=alice").status_code == 201


def test_following_twice_is_a_409(alice: Caller, bob: Caller) -> None:
    bob.post("/v1/following", json={"username": "alice"})
    assert bob.post("/v1/following", json={"username": "alice"}).status_code == 409


def test_following_oneself_is_a_400_that_names_the_username(alice: Caller) -> None:
    response = alice.post("/v1/following", json={"username": "ALICE"})
    assert (response.status_code, fields(response)) == (400, ["username"])


def test_following_nobody_is_a_404_that_names_the_username(alice: Caller) -> None:
    response = alice.post("/v1/following", json={"username": "nobody"})
    assert (response.status_code, fields(response)) == (404, ["username"])


def test_unfollowing_ends_it_and_again_is_a_404(alice: Caller, bob: Caller) -> None:
    bob.post("/v1/following", json={"username": "alice"})
    ended = bob.delete("/v1/following?username=alice")
    assert (ended.status_code, ended.data) == (204, b"")
    assert alice.get("/v1/followers").json == {"followers": [], "next_page_token": None}
    assert bob.delete("/v1/following?username=alice").status_code == 404


def test_lists_come_in_pages(alice: Caller, bob: Caller) -> None:
    bob.post("/v1/following", json={"username": "alice"})
    first = alice.get("/v1/followers?page_size=1").json
    assert first == {"followers": ["bob"], "next_page_token": None}
