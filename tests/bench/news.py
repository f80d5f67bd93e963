"""``python -m tests.bench.news``: news of an author with 100,000 followers, and of a reader who
follows 1,000 people; through the gateway, one client.
"""

import asyncio
import itertools
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import psycopg
import redis
import requests

from delinkcious.object_model.links import PublicLink
from delinkcious.redis import AsyncRedis, RedisAddress
from delinkcious.testing.waiting import wait_until
from news_service.domain import Entry, recovered
from news_service.redis import RedisNewsStore
from tests.bench.database import database_of
from tests.bench.report import say
from tests.support.api import Api
from tests.support.stack import ROOT, Stack

STAR: Final = "bench-star"
NOBODY: Final = "bench-nobody"
FOLLOWERS: Final = 100_000
ADDS: Final = 100
PROBES: Final = 5

FEEDS: Final = 20_000
ROUNDS: Final = 3
BATCH: Final = 1000
FEED_SIZE: Final = 1000
RETENTION: Final = 90 * 86_400

MANY: Final = "bench-many"
FEW: Final = "bench-few"
FOLLOWED: Final = {MANY: 1000, FEW: 10}
POPULAR: Final = 10
NEWS: Final = 1000
READS: Final = 200
PAGE: Final = 20


def main() -> None:
    """Starts a stack of its own, runs every measurement and prints one line for each target."""
    with tempfile.TemporaryDirectory(prefix="delinkcious-bench-") as folder:
        Path(folder).chmod(0o755)
        stack = Stack(Path(folder) / "local")
        stack.start()
        try:
            _follow(stack)
            adding(stack)
            reading(stack)
            fan_out(stack)
        finally:
            stack.stop()


def _follow(stack: Stack) -> None:
    """Puts into the social graph who follows whom: by the API it would take minutes."""
    statement = "INSERT INTO follows (followed, follower) VALUES (%s, %s)"
    with psycopg.connect(database_of(stack, "social_graph_manager")) as connection:
        connection.execute(
            "INSERT INTO follows (followed, follower)"
            " SELECT %s, 'fan-' || number FROM generate_series(1, %s) AS number",
            [STAR, FOLLOWERS],
        )
        pairs = [(author, reader) for reader in FOLLOWED for author in _authors(reader)]
        connection.cursor().executemany(statement, pairs)


def _authors(reader: str) -> Sequence[str]:
    return [f"{reader}-author-{number}" for number in range(FOLLOWED[reader])]


def adding(stack: Stack) -> None:
    """What a link costs its author, and when followers can read of it."""
    star, nobody = Api.login(stack.gateway, STAR), Api.login(stack.gateway, NOBODY)
    numbers = itertools.count()
    with_followers, without = _medians([_adder(star, numbers), _adder(nobody, numbers)], ADDS)
    say(
        f"adding (ms), {FOLLOWERS} followers over none",
        f"{with_followers:.2f}/{without:.2f} = {with_followers / without:.2f}",
        "within 1.1",
    )
    fans = [Api.login(stack.gateway, f"fan-{number}") for number in (1, FOLLOWERS // 2, FOLLOWERS)]
    for fan in fans:
        wait_until(lambda fan=fan: len(fan.news(page_size=1000)) == ADDS, timeout=30)  # type: ignore[misc]
    slowest = max(_time_to_read(star, fans, f"http://probe.example/{n}") for n in range(PROBES))
    say(f"readable by all of {len(fans)} followers", f"{slowest * 1000:.0f} ms", "within 2 s")


def _adder(user: Api, numbers: "itertools.count[int]") -> Callable[[], None]:
    session = requests.Session()

    def add() -> None:
        session.post(
            f"{user.base}/v1/links",
            json={"url": f"http://new.example/{next(numbers)}", "title": "A new link"},
            headers={"Authorization": f"Bearer {user.token}"},
            timeout=30,
        ).raise_for_status()

    return add


def _time_to_read(author: Api, readers: Sequence[Api], url: str) -> float:
    """Seconds from before a link is added until every one of some readers has read of it."""
    started = perf_counter()
    author.add(url)
    for reader in readers:
        while reader.news(page_size=1)[0]["url"] != url:
            pass
    return perf_counter() - started


def reading(stack: Stack) -> None:
    """The first page and the second, for one who follows many and for one who follows a few."""
    asyncio.run(_fill(stack))
    readers = [Api.login(stack.gateway, name) for name in (MANY, FEW)]
    for page in (1, 2):
        many, few = _medians([_reader(reader, page) for reader in readers], READS)
        say(
            f"page {page} (ms), following {FOLLOWED[MANY]} over {FOLLOWED[FEW]}",
            f"{many:.2f}/{few:.2f} = {many / few:.2f}",
            "within 2",
        )


async def _fill(stack: Stack) -> None:
    """Fills both feeds, and the timelines of the popular authors."""
    async with AsyncRedis("redis", _redis_of(stack)) as server:
        store = RedisNewsStore(server, feed_size=FEED_SIZE, retention=timedelta(seconds=RETENTION))
        for reader in FOLLOWED:
            authors = _authors(reader)
            ordinary = authors[POPULAR:] if reader == MANY else authors
            await _tell(store, reader, ordinary, popular=False)
            if reader == MANY:
                for star in authors[:POPULAR]:
                    await _tell(store, reader, [star], popular=True)
            await store.know(reader, authors, await store.version_of(reader))


_links: Final = itertools.count(10**9)


async def _tell(
    store: RedisNewsStore, reader: str, authors: Sequence[str], *, popular: bool
) -> None:
    entries: list[Entry] = []
    for number in range(NEWS):
        link_id = next(_links)
        author = authors[number % len(authors)]
        added_at = datetime.now(UTC) - timedelta(seconds=60 * number)
        title, url = f"The link of number {number}", f"https://site-{link_id}.example/"
        link = PublicLink(author, link_id, url, title, (), added_at)
        entry = await store.tell(recovered(link), popular=popular)
        entries += [entry] if entry and not popular else []
    await store.deliver(entries, [reader])


def _reader(user: Api, page: int) -> Callable[[], None]:
    query: dict[str, Any] = {"page_size": PAGE}
    for _ in range(page - 1):
        query["start_token"] = user.call("GET", "/v1/news", params=query)["next_token"]
    session = requests.Session()
    prepared = requests.Request(
        "GET",
        f"{user.base}/v1/news",
        {"Authorization": f"Bearer {user.token}"},
        params=query,
    ).prepare()

    def read() -> None:
        response = session.send(prepared, timeout=30)
        if len(response.json()["events"]) != PAGE:
            raise AssertionError(response.text)

    return read


def fan_out(stack: Stack) -> None:
    """Entries written to feeds, by the news service and by redis-py with the same commands."""
    address = _redis_of(stack)
    ours, raw = [], []
    for number in range(ROUNDS):
        entry = Entry(f"{number:08x}-0000-7000-8000-000000000000", "an-author-of-news")
        raw.append(_pipelined(address, entry))
        ours.append(asyncio.run(_delivered(address, entry)))
    rate, floor = FEEDS / min(ours), FEEDS / min(raw)
    say(
        "fan-out (feeds/s), over redis-py's pipeline",
        f"{rate:.0f}/{floor:.0f} = {rate / floor:.2f}",
        "at least 0.40",
    )


def _pipelined(address: RedisAddress, entry: Entry) -> float:
    client = redis.Redis(address.host, address.port, password=address.password)
    member = f"{entry.event_id} {entry.author}"
    started = perf_counter()
    for start in range(0, FEEDS, BATCH):
        pipeline = client.pipeline(transaction=False)
        for number in range(start, start + BATCH):
            feed = f"feed:raw-{number}"
            pipeline.zadd(feed, {member: 0})
            pipeline.zremrangebyrank(feed, 0, -FEED_SIZE - 1)
            pipeline.expire(feed, RETENTION)
        pipeline.execute()
    return perf_counter() - started


async def _delivered(address: RedisAddress, entry: Entry) -> float:
    async with AsyncRedis("redis", address) as server:
        store = RedisNewsStore(server, feed_size=FEED_SIZE, retention=timedelta(seconds=RETENTION))
        feeds = [f"ours-{number}" for number in range(FEEDS)]
        started = perf_counter()
        await store.deliver([entry], feeds)
        return perf_counter() - started


def _redis_of(stack: Stack) -> RedisAddress:
    server = stack.read()["servers"]["redis"]
    password = (stack.folder / "secrets" / "redis-password").read_text().strip()
    return RedisAddress(server["host"], server["port"], password)


def _medians(calls: Sequence[Callable[[], None]], repeats: int) -> list[float]:
    """Milliseconds of each call, which take turns, so that each follows itself and the others as
    often: what an event costs others comes a moment after the request.
    """
    times: list[list[float]] = [[] for _ in calls]
    for repeat in range(repeats):
        turns = list(enumerate(calls))
        for number, call in turns if repeat % 2 else reversed(turns):
            started = perf_counter()
            call()
            times[number].append(perf_counter() - started)
    return [statistics.median(each) * 1000 for each in times]


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
