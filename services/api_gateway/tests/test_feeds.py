"""Feeds through the gateway: what a feed reader gets, and what it costs when nothing changed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import feedparser
import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.http import http_date
from werkzeug.test import TestResponse

from api_gateway.app import Managers
from api_gateway.sessions import Sessions
from api_gateway.testing import Caller, Failing, FixedNews, NoProvider, fields
from delinkcious.errors import Unavailable
from delinkcious.http.app import RestApp
from delinkcious.object_model.links import LinkPage, LinkQuery
from delinkcious.object_model.news import NewsEvent, NewsEventType
from delinkcious.object_model.users import Scope

from .gateways import Gateways

Build = Callable[[Managers], RestApp]
At = Callable[[str], FlaskClient]

URL = "https://www.python.org/"
FEED = "/v1/users/alice/links.atom"
EVENTS = [
    NewsEvent(
        id=f"event-{number}",
        event_type=event_type,
        username="bob",
        url=f"https://{number}.example/",
        title=title,
        timestamp=datetime(2026, 11, 20, 9, 30, number, tzinfo=UTC),
    )
    for number, event_type, title in (
        (3, NewsEventType.LINK_DELETED, "Three"),
        (2, NewsEventType.LINK_UPDATED, " "),
        (1, NewsEventType.LINK_ADDED, "<One>"),
    )
]


@pytest.fixture
def at(gateways: Gateways, managers: Managers, sessions: Sessions) -> At:
    """Makes clients of a gateway that is known to clients by this URL."""
    return lambda public_url: gateways.over(
        managers, sessions, NoProvider(), public_url=public_url
    ).test_client()


def read(response: TestResponse) -> feedparser.FeedParserDict:
    """The feed, in which a feed reader finds nothing wrong."""
    assert (response.status_code, response.content_type) == (200, "application/atom+xml")
    found = feedparser.parse(response.data)
    assert not found.bozo, found.get("bozo_exception")
    return found


def save(caller: Caller, name: str = "", **link: Any) -> Any:
    saved = caller.post("/v1/links", json={"url": URL + name, **link})
    assert saved.status_code == 201
    return saved.json


def titles(response: TestResponse) -> list[str]:
    return [entry.title for entry in read(response).entries]


def test_anybody_reads_the_public_links_of_a_user(http: FlaskClient, alice: Caller) -> None:
    link = save(alice, title="Python & <co>", description="A\n<b>language</b>", tags=["B", "a"])
    save(alice, "private", title="Secret", visibility="private")
    found = read(http.get(FEED))
    assert (found.feed.title, found.feed.author) == ("Links of alice", "alice")
    (entry,) = found.entries
    assert (entry.title, entry.link) == ("Python & <co>", URL)
    assert entry.summary == "A\n<b>language</b>"
    assert [tag.term for tag in entry.tags] == ["a", "b"]
    assert (entry.published, entry.updated) == (link["created_at"], link["updated_at"])
    assert found.feed.updated == link["updated_at"]


def test_its_newest_fifty_public_links_are_asked_for(
    build: Build, managers: Managers, alice: Caller
) -> None:
    asked: list[LinkQuery] = []

    class Recording:
        def get_links(self, query: LinkQuery) -> LinkPage:
            asked.append(query)
            return LinkPage.of([], None)

    links: Any = Recording()
    app = build(replace(managers, links=links))
    assert app.test_client().get("/v1/users/Alice/links.atom?tag=a&tag=b").status_code == 200
    assert asked == [LinkQuery("alice", tags=("a", "b"), public_only=True, page_size=50)]


def test_a_feed_is_newest_first_and_filtered_by_tags(http: FlaskClient, alice: Caller) -> None:
    for name, tags in (("one", ["x"]), ("two", ["x", "y"]), ("three", ["y"])):
        save(alice, name, title=name, tags=tags)
    assert titles(http.get(FEED)) == ["three", "two", "one"]
    assert titles(http.get(f"{FEED}?tag=y")) == ["three", "two"]
    tagged = http.get(f"{FEED}?tag=Y&tag=x")
    assert titles(tagged) == ["two"]
    assert read(tagged).feed.title == "Links of alice tagged Y, x"


def test_a_feed_without_links_is_as_old_as_the_account(http: FlaskClient, alice: Caller) -> None:
    found = read(http.get(FEED))
    assert found.entries == []
    me = alice.get("/v1/me").json
    assert me is not None
    assert found.feed.updated == me["created_at"]


@pytest.mark.parametrize("title", ["", " ", "\u0001", "\u200b"])
def test_a_link_without_a_title_is_called_by_its_url(
    http: FlaskClient, alice: Caller, title: str
) -> None:
    save(alice, title=title)
    assert titles(http.get(FEED)) == [title if title == "\u200b" else URL]


def test_ids_stay_when_everything_else_changes(http: FlaskClient, alice: Caller, at: At) -> None:
    save(alice, title="old")
    before = read(http.get(FEED))
    alice.put("/v1/links", json={"url": URL, "title": "new", "add_tags": ["x"]})
    after = read(at("https://elsewhere.example").get(FEED))
    assert after.feed.id == before.feed.id
    assert [entry.id for entry in after.entries] == [entry.id for entry in before.entries]
    assert after.entries[0].title == "new"
    assert after.feed.updated > before.feed.updated


def test_feeds_and_entries_have_ids_of_their_own(
    http: FlaskClient, alice: Caller, bob: Caller
) -> None:
    for caller in (alice, bob):
        save(caller, "1", tags=["x"])
        save(caller, "2", tags=["x"])
    paths = (FEED, f"{FEED}?tag=x", "/v1/users/bob/links.atom")
    found = [read(http.get(path)) for path in paths]
    assert len({one.feed.id for one in found}) == 3
    assert len({entry.id for one in found for entry in one.entries}) == 4
    assert read(http.get(f"{FEED}?tag=a&tag=b")).feed.id == (
        read(http.get(f"{FEED}?tag=b&tag=a")).feed.id
    )


@pytest.mark.parametrize(
    ("public_url", "host", "base"),
    [
        ("https://links.example", "inside:5000", "https://links.example"),
        ("", "links.example:8000", "http://links.example:8000"),
        ("", "[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_a_feed_says_where_it_is(
    at: At, alice: Caller, public_url: str, host: str, base: str
) -> None:
    query = "?tag=a+b&tag=%C3%A9%26"
    found = read(at(public_url).get(FEED + query, headers={"Host": host}))
    assert [(link.rel, link.href) for link in found.feed.links] == [("self", base + FEED + query)]


def test_who_calls_us_by_no_name_is_told_so(http: FlaskClient, alice: Caller) -> None:
    response = http.get(FEED, headers={"Host": "a b"})
    assert (response.status_code, fields(response)) == (400, ["Host"])


def test_the_links_of_nobody_are_a_404_that_names_the_username(http: FlaskClient) -> None:
    response = http.get("/v1/users/nobody/links.atom")
    assert (response.status_code, fields(response)) == (404, ["username"])
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["tag=a%00", "&tag=a" * 51])
def test_a_wrong_tag_is_a_400_that_names_it(http: FlaskClient, alice: Caller, query: str) -> None:
    response = http.get(f"{FEED}?{query}")
    assert response.status_code == 400
    assert [name.partition(".")[0] for name in fields(response)] == ["tag"]


def test_what_cannot_be_a_tag_is_a_400(http: FlaskClient, alice: Caller) -> None:
    assert http.get(f"{FEED}?tag={'x' * 65}").status_code == 400


def test_public_feeds_are_kept_by_any_cache_for_a_while(http: FlaskClient, alice: Caller) -> None:
    headers = http.get(FEED).headers
    assert headers["Cache-Control"] == "public, max-age=300"
    assert "Set-Cookie" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"other", {tag}', 304),
        ('W/"other",W/{tag} , "x"', 304),
        ("*", 304),
        ('"other"', 200),
        ('W/"other"', 200),
        ("nonsense", 200),
        ("", 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_reader_has_is_not_sent_again(
    http: FlaskClient, alice: Caller, condition: str, status: int, method: str
) -> None:
    save(alice)
    first = http.get(FEED)
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    headers = {"If-None-Match": condition.format(tag=tag)}
    again = http.open(FEED, method=method, headers=headers)
    assert again.status_code == status
    for name in ("ETag", "Cache-Control"):
        assert again.headers[name] == first.headers[name]
    assert again.data == (first.data if (method, status) == ("GET", 200) else b"")


def test_the_head_of_a_feed_is_the_feed_without_its_body(http: FlaskClient, alice: Caller) -> None:
    save(alice)
    whole, head = http.get(FEED), http.head(FEED)
    assert (head.status_code, head.data) == (200, b"")
    assert dict(head.headers) == dict(whole.headers)
    assert head.headers["Content-Length"] == str(len(whole.data))


@pytest.mark.parametrize(
    "change",
    [
        lambda alice: save(alice, "new"),
        lambda alice: alice.put("/v1/links", json={"url": URL, "title": "changed"}),
        lambda alice: alice.put("/v1/links", json={"url": URL, "visibility": "private"}),
        lambda alice: alice.delete("/v1/links", query_string={"url": URL}),
    ],
    ids=["added", "changed", "made private", "deleted"],
)
def test_a_change_is_seen_at_once(
    http: FlaskClient, alice: Caller, change: Callable[[Caller], object]
) -> None:
    save(alice)
    tag = http.get(FEED).headers["ETag"]
    change(alice)
    assert http.get(FEED, headers={"If-None-Match": tag}).status_code == 200


def test_what_is_not_in_the_feed_does_not_change_it(http: FlaskClient, alice: Caller) -> None:
    save(alice)
    tag = http.get(FEED).headers["ETag"]
    save(alice, "private", visibility="private")
    assert http.get(FEED, headers={"If-None-Match": tag}).status_code == 304


def test_the_date_of_a_feed_is_that_of_its_newest_entry(http: FlaskClient, alice: Caller) -> None:
    link = save(alice)
    modified = http.get(FEED).headers["Last-Modified"]
    assert modified == http_date(datetime.fromisoformat(link["updated_at"]))
    assert http.get(FEED, headers={"If-Modified-Since": modified}).status_code == 304


@pytest.mark.parametrize("hours", [-1, 1])
def test_any_other_date_gets_the_feed_for_it_may_have_lost_an_entry(
    http: FlaskClient, alice: Caller, hours: int
) -> None:
    link = save(alice)
    moment = datetime.fromisoformat(link["updated_at"]) + timedelta(hours=hours)
    given = {"If-Modified-Since": http_date(moment)}
    assert http.get(FEED, headers=given).status_code == 200


@pytest.mark.parametrize(("tag", "status"), [('"other"', 200), ("{tag}", 304)])
def test_an_etag_counts_more_than_a_date(
    http: FlaskClient, alice: Caller, tag: str, status: int
) -> None:
    save(alice)
    first = http.get(FEED).headers
    date = first["Last-Modified"] if status == 200 else http_date(0)
    given = {"If-None-Match": tag.format(tag=first["ETag"]), "If-Modified-Since": date}
    assert http.get(FEED, headers=given).status_code == status


def test_no_feed_is_modified_in_the_future(build: Build, managers: Managers, alice: Caller) -> None:
    save(alice)
    (link,) = managers.links.get_links(LinkQuery("alice")).links
    ahead = replace(link, updated_at=datetime.now(UTC) + timedelta(days=1))

    class Ahead:
        def get_links(self, query: LinkQuery) -> LinkPage:
            return LinkPage.of([ahead], None)

    links: Any = Ahead()
    response = build(replace(managers, links=links)).test_client().get(FEED)
    assert response.last_modified is not None
    assert response.last_modified <= datetime.now(UTC)


def make_address(caller: Caller) -> str:
    """Makes a secret address for the caller's news; returns its path."""
    made = caller.post("/v1/news/feed")
    assert made.status_code == 201
    assert made.json is not None
    assert set(made.json) == {"url", "created_at"}
    return str(urlsplit(made.json["url"]).path)


def test_news_are_read_at_a_secret_address_without_a_token(
    http: FlaskClient, alice: Caller, news: FixedNews
) -> None:
    news.events = EVENTS
    response = http.get(make_address(alice))
    found = read(response)
    assert (found.feed.title, found.feed.updated) == ("News of alice", "2026-11-20T09:30:03+00:00")
    assert [(entry.title, entry.link, entry.author) for entry in found.entries] == [
        ("bob deleted Three", "https://3.example/", "bob"),
        ("bob changed https://2.example/", "https://2.example/", "bob"),
        ("bob saved <One>", "https://1.example/", "bob"),
    ]
    assert [entry.tags[0].term for entry in found.entries] == [
        "link_deleted", "link_updated", "link_added",
    ]  # fmt: skip
    assert response.headers["Cache-Control"] == "private, max-age=300"


def test_the_newest_fifty_events_are_in_it(
    http: FlaskClient, alice: Caller, news: FixedNews
) -> None:
    news.events = [replace(EVENTS[0], id=str(number)) for number in range(60)]
    assert len({entry.id for entry in read(http.get(make_address(alice))).entries}) == 50


def test_news_that_the_reader_has_are_not_sent_again(
    http: FlaskClient, alice: Caller, news: FixedNews
) -> None:
    path = make_address(alice)
    tag = http.get(path).headers["ETag"]
    known = {"If-None-Match": tag}
    assert (http.get(path, headers=known).status_code, http.head(path).status_code) == (304, 200)
    news.events = EVENTS
    assert http.get(path, headers=known).status_code == 200


def test_the_address_is_absolute_and_the_feed_says_it(at: At, alice: Caller) -> None:
    http = at("https://links.example")
    made = http.post("/v1/news/feed", headers={"Access-Token": alice.token}).json
    assert made is not None
    assert made["url"].startswith("https://links.example/v1/news/feeds/dlf_")
    (own,) = read(http.get(urlsplit(made["url"]).path)).feed.links
    assert own.href == made["url"]


def test_a_new_address_revokes_the_one_before_and_keeps_the_id(
    http: FlaskClient, alice: Caller, news: FixedNews
) -> None:
    news.events = EVENTS
    old = make_address(alice)
    before = read(http.get(old))
    new = make_address(alice)
    assert new != old
    assert http.get(old).status_code == 404
    after = read(http.get(new))
    assert after.feed.id == before.feed.id
    assert [entry.id for entry in after.entries] == [entry.id for entry in before.entries]


def test_one_can_see_that_there_is_an_address_but_not_which(alice: Caller, bob: Caller) -> None:
    assert alice.get("/v1/news/feed").json == {"created_at": None}
    made = alice.post("/v1/news/feed").json
    assert made is not None
    assert alice.get("/v1/news/feed").json == {"created_at": made["created_at"]}
    assert bob.get("/v1/news/feed").json == {"created_at": None}


def test_a_token_that_may_not_read_news_makes_no_address_that_does(alice: Caller) -> None:
    made = alice.post("/v1/tokens", json={"name": "t", "scopes": [Scope.ACCOUNT]}).json
    assert made is not None
    limited = Caller(alice.username, made["token"], alice.http)
    assert limited.post("/v1/news/feed").status_code == 403
    assert alice.get("/v1/news/feed").json == {"created_at": None}


def test_a_revoked_address_leads_nowhere_at_once(
    http: FlaskClient, alice: Caller, bob: Caller
) -> None:
    path = make_address(alice)
    assert http.get(path).status_code == 200
    assert bob.delete("/v1/news/feed").status_code == 404
    revoked = alice.delete("/v1/news/feed")
    assert (revoked.status_code, revoked.data) == (204, b"")
    gone = http.get(path, headers={"If-None-Match": "*"})
    assert (gone.status_code, gone.content_type) == (404, "application/problem+json")
    assert gone.headers["Cache-Control"] == "no-store"
    assert alice.delete("/v1/news/feed").status_code == 404
    assert alice.get("/v1/news/feed").json == {"created_at": None}


@pytest.mark.parametrize("secret", ["x", "dlf_" + "a" * 43, "%00", "%F0%9F%A6%8A", "{token}"])
def test_a_secret_that_is_none_is_not_found(http: FlaskClient, alice: Caller, secret: str) -> None:
    response = http.get(f"/v1/news/feeds/{secret.format(token=alice.token)}.atom")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")


def test_the_secret_is_good_for_nothing_else(http: FlaskClient, alice: Caller) -> None:
    secret = make_address(alice).rpartition("/")[2].removesuffix(".atom")
    for path in ("/v1/me", "/v1/news", "/v1/links"):
        assert http.get(path, headers={"Access-Token": secret}).status_code == 401


def test_no_log_line_holds_the_secret(
    http: FlaskClient, alice: Caller, build: Build, managers: Managers
) -> None:
    news: Any = Failing(Unavailable("news-manager does not answer.", retry_after=1))
    failing = build(replace(managers, news=news)).test_client()
    with capture_logs() as logs:
        path = make_address(alice)
        statuses = [http.get(path).status_code, failing.get(path).status_code]
        alice.delete("/v1/news/feed")
        statuses += [http.get(path).status_code, http.get(path + "/x").status_code]
    assert statuses == [200, 503, 404, 404]
    lines = [line for line in logs if line["method"] == "GET"]
    template = "/v1/news/feeds/<secret>.atom"
    assert [(line["route"], line["caller"]) for line in lines] == [
        (template, "alice"), (template, "alice"), (template, ""), ("unmatched", ""),
    ]  # fmt: skip
    assert "dlf_" not in str(logs)
