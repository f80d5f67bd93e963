"""Deleted users: nothing of them is in any feed, and nothing comes back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from delinkcious.deletion import DeletedUser
from delinkcious.errors import Unavailable
from delinkcious.messaging.event import Event, MalformedEvent
from delinkcious.object_model.news import NewsEventType
from delinkcious.redis import AsyncRedis
from delinkcious.testing.messaging import InMemoryPublisher
from news_service.domain import FeedQuery, FollowNews, LinkNews, first_id
from news_service.ports import NewsStore
from news_service.purge import NewsPurge
from news_service.redis import RedisNewsStore

from .conftest import event_id, follow_of, news_of


def deleted(username: str = "alice", *, for_seconds: float = 3600) -> DeletedUser:
    until = datetime.now(UTC) + timedelta(seconds=for_seconds)
    return DeletedUser(str(uuid4()), username, until)


async def purge(store: NewsStore, user: DeletedUser) -> None:
    while not await store.purge_some(user):
        pass


async def urls(store: NewsStore, reader: str) -> list[str]:
    feed = await store.read(FeedQuery(reader, None, 100), 100)
    return [event.url for event in feed.events]


async def tell(store: NewsStore, news: LinkNews, *readers: str, popular: bool = False) -> bool:
    entry = await store.tell(news, popular=popular)
    if entry and readers:
        await store.deliver([entry], readers)
    return entry is not None


async def test_what_others_read_of_the_user_is_gone_and_what_they_read_of_others_stays(
    store: NewsStore,
) -> None:
    await tell(store, news_of(1), "bob", "carol")
    await tell(store, news_of(2, author="dave"), "bob")
    await purge(store, deleted())
    assert await urls(store, "bob") == ["https://example.com/2"]
    assert await urls(store, "carol") == []


async def test_the_own_feed_and_what_a_popular_author_did_are_gone(store: NewsStore) -> None:
    await store.follow(follow_of(1, follower="bob", author="alice"))
    await tell(store, news_of(2), popular=True)
    await tell(store, news_of(3, author="dave"), "alice")
    assert await urls(store, "bob") == ["https://example.com/2"]
    await purge(store, deleted())
    assert await urls(store, "alice") == []
    assert await urls(store, "bob") == []


@pytest.mark.parametrize("kind", NewsEventType)
async def test_an_event_that_comes_late_tells_nobody_anything(
    store: NewsStore, kind: NewsEventType
) -> None:
    await purge(store, deleted())
    late = news_of(7, event_type=kind)
    assert not await tell(store, late, "bob")
    assert await store.recover([late]) == []
    assert not await tell(store, late, popular=True)
    assert await urls(store, "bob") == []


@pytest.mark.parametrize("for_seconds", [3600, -1])
async def test_a_delivery_that_was_under_way_leaves_nothing(
    store: NewsStore, for_seconds: float
) -> None:
    entry = await store.tell(news_of(1), popular=False)
    other = await store.tell(news_of(2, author="dave"), popular=False)
    assert entry is not None
    assert other is not None
    await purge(store, deleted(for_seconds=for_seconds))
    await store.deliver([entry, other], ["bob", "alice"])
    assert await urls(store, "bob") == ["https://example.com/2"]
    assert await urls(store, "alice") == []


async def test_a_follow_that_comes_late_changes_nothing(store: NewsStore) -> None:
    await purge(store, deleted())
    assert not await store.follow(follow_of(1, follower="bob", author="alice"))
    assert not await store.follow(follow_of(1, follower="alice", author="bob"))
    assert not await store.follow(follow_of(2, follower="alice", author="bob", follows=False))
    assert await store.version_of("alice") == await store.version_of("nobody")


async def test_follows_that_end_with_the_account_need_not_be_told_in_time(
    store: NewsStore,
) -> None:
    await store.follow(follow_of(1, follower="bob", author="alice"))
    await tell(store, news_of(2), "bob")
    await purge(store, deleted(for_seconds=-1))
    now = first_id(datetime.now(UTC))
    for follower, author in (("bob", "alice"), ("alice", "bob")):
        await store.follow(FollowNews(now, follower, author, follows=False, account_deleted=True))
    assert await urls(store, "bob") == []
    assert await store.version_of("alice") == await store.version_of("nobody")
    # It is not remembered, as it says nothing of the next account of that name.
    assert await store.follow(follow_of(3, follower="bob", author="eve"))


async def test_what_the_social_graph_still_made_of_the_user_goes_when_it_has_forgotten(
    store: NewsStore,
) -> None:
    await purge(store, deleted(for_seconds=-1))
    assert await store.know("alice", ["dave"], await store.version_of("alice"))
    await tell(store, news_of(1, author="dave"), "alice")
    assert await urls(store, "alice") == ["https://example.com/1"]
    now = first_id(datetime.now(UTC))
    await store.follow(FollowNews(now, "alice", "dave", follows=False, account_deleted=True))
    assert await urls(store, "alice") == []
    assert not (await store.read(FeedQuery("alice", None, 10), 10)).is_known


async def test_a_rebuild_that_was_under_way_brings_nothing_back(store: NewsStore) -> None:
    version = {name: await store.version_of(name) for name in ("alice", "bob")}
    await purge(store, deleted())
    assert await store.know("alice", ["bob"], version["alice"])
    assert await store.know("bob", ["alice", "dave"], version["bob"])
    assert not (await store.read(FeedQuery("alice", None, 10), 10)).is_known


async def test_the_next_account_of_the_name_begins_anew_and_is_read_as_any_other(
    store: NewsStore,
) -> None:
    await tell(store, news_of(1), "bob")
    user = deleted(for_seconds=-1)
    await purge(store, user)
    now = first_id(datetime.now(UTC))
    news = news_of(2)
    fresh = LinkNews(replace(news.event, id=now), news.link_id, is_public=True)
    assert await tell(store, fresh, "bob")
    assert await store.follow(FollowNews(now, "alice", "dave", follows=True))
    await tell(store, news_of(3, author="dave"), "alice")
    await purge(store, user)
    assert await urls(store, "bob") == ["https://example.com/2"]
    assert await urls(store, "alice") == ["https://example.com/3"]


@pytest.mark.integration
async def test_no_key_names_the_user_but_the_mark(redis: AsyncRedis) -> None:
    store = RedisNewsStore(redis, feed_size=10, retention=timedelta(days=1))
    for number in range(1, 40):
        await tell(store, news_of(number), *(f"reader{n}" for n in range(60)))
        await store.follow(follow_of(number, follower=f"reader{number}", author="alice"))
        await store.follow(follow_of(number, follower="alice", author=f"reader{number}"))
    await purge(store, deleted())
    names = [key.decode() async for key in redis.client.scan_iter()]
    assert not [name for name in names if "alice" in name]
    assert not [name for name in names if name.startswith("event:")]
    for name in names:
        if name.startswith("following:") and not name.endswith("version"):
            assert not await redis.client.sismember(name, "alice")


@pytest.mark.integration
async def test_another_worker_goes_on_where_one_was_killed(redis: AsyncRedis) -> None:
    store = RedisNewsStore(redis, feed_size=10, retention=timedelta(days=1))
    pipeline = redis.client.pipeline(transaction=False)
    for number in range(5000):
        pipeline.zadd(f"feed:reader{number}", {f"{event_id(1)} alice": 0})
    await pipeline.execute()
    user = deleted()
    assert not await store.purge_some(user)
    reached = await redis.client.get(f"purge:{user.deletion_id}")
    assert reached not in {None, b"done"}
    another = RedisNewsStore(redis, feed_size=10, retention=timedelta(days=1))
    await purge(another, user)
    assert [key async for key in redis.client.scan_iter("feed:*")] == []


async def test_the_handler_confirms_once_for_each_event(store: NewsStore) -> None:
    publisher = InMemoryPublisher()
    handler = NewsPurge(store, publisher)
    user = deleted()
    event = Event(type="users.deleted", source="/user-manager", key="alice", data=user.to_data())
    await handler.handle(event)
    await handler.handle(event)
    (told,) = publisher.events
    assert (told.type, told.source, told.key) == (
        "users.purged",
        "/news-manager",
        user.deletion_id,
    )
    assert told.data == {"deletion_id": user.deletion_id, "service": "news-manager"}


async def test_what_the_broker_does_not_take_is_told_later(store: NewsStore) -> None:
    publisher = InMemoryPublisher()
    publisher.down = True
    handler = NewsPurge(store, publisher)
    event = Event(type="users.deleted", source="/u", key="alice", data=deleted().to_data())
    with pytest.raises(Unavailable):
        await handler.handle(event)
    publisher.down = False
    await handler.handle(event)
    assert len(publisher.events) == 1


async def test_an_event_that_names_nobody_is_given_up_on(store: NewsStore) -> None:
    handler = NewsPurge(store, InMemoryPublisher())
    with pytest.raises(MalformedEvent):
        await handler.handle(Event(type="users.deleted", source="/u", key="k", data={}))
