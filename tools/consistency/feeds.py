"""What must be in everybody's news: told by the events that the link service has published.

The links' own history says which events of a link its author's followers may see: all that came
since it was last made private, of a deleted one its deletion alone. A follower has to have those
that came after the follow, once each, and nothing of anybody else. What was before it may be there
too: following brings in some of it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import psycopg

from delinkcious.object_model.news import NewsEvent, NewsEventType, NewsManager

_EVENTS: Final = """
    SELECT subject, key, data, created_at FROM outbox
    WHERE subject IN ('links.added', 'links.updated', 'links.deleted') ORDER BY position
"""
_TYPES: Final = {
    "links.added": NewsEventType.LINK_ADDED,
    "links.updated": NewsEventType.LINK_UPDATED,
    "links.deleted": NewsEventType.LINK_DELETED,
}
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """An event that may be seen; and has to be, unless it is ``optional``."""

    author: str
    url: str
    kind: NewsEventType
    at: datetime
    optional: bool = False

    @property
    def what(self) -> tuple[str, str, NewsEventType]:
        """What the event says, whatever its id."""
        return self.author, self.url, self.kind


Histories = Mapping[str, Sequence[Told]]
"""What may be seen of each author."""


@dataclass(frozen=True, slots=True)
class Follow:
    """Somebody follows an author since then."""

    author: str
    since: datetime


def histories(events: Iterable[tuple[str, str, Mapping[str, Any], datetime]]) -> Histories:
    """Returns what may be seen after these events, which are in their order: of each its subject,
    its author, its data and its time.
    """
    of_links: dict[int, list[Told]] = defaultdict(list)
    for subject, author, data, at in events:
        link, kind = data["link"], _TYPES[subject]
        told = of_links[link["id"]]
        is_public = link["visibility"] == "public"
        if kind is NewsEventType.LINK_DELETED or not is_public:
            told.clear()
        if is_public:
            told.append(Told(author, link["url"], kind, at))
    of_authors: dict[str, list[Told]] = defaultdict(list)
    for told in filter(None, of_links.values()):
        of_authors[told[0].author] += told
        if told[0].kind is NewsEventType.LINK_UPDATED:
            # It was private in between. Who follows later, or whose feed was lost and made anew,
            # is told of the link as it is now: that it was added.
            of_authors[told[0].author].append(
                replace(told[0], kind=NewsEventType.LINK_ADDED, optional=True)
            )
    return of_authors


def check(
    databases: Mapping[str, str], news: NewsManager, *, since: datetime | None = None, cap: int
) -> Iterator[str]:
    """Returns what is wrong in the news of everybody who follows somebody, a line each.

    Args:
        since: when news lost everything, if it did: of what was before, only the links themselves
            have to be there, and not what was changed about them.
        cap: how many entries a feed has at most.
    """
    with psycopg.connect(databases["link_manager"]) as connection:
        seen = histories(connection.execute(_EVENTS).fetchall())
    for reader, follows in _follows(databases["social_graph_manager"]).items():
        shown = list(_all_news(news, reader))
        yield from (
            f"news of {reader}: {problem}"
            for problem in _problems(seen, follows, shown, since=since, cap=cap)
        )


def _follows(database: str) -> dict[str, list[Follow]]:
    follows: dict[str, list[Follow]] = defaultdict(list)
    with psycopg.connect(database) as connection:
        for follower, followed, at in connection.execute(
            "SELECT follower, followed, created_at FROM follows"
        ):
            follows[follower].append(Follow(followed, at))
    return follows


def _all_news(news: NewsManager, reader: str) -> Iterator[NewsEvent]:
    token = None
    while True:
        page = news.get_news(reader, token, _PAGE)
        yield from page.events
        token = page.next_token
        if token is None:
            return


def _problems(
    seen: Histories,
    follows: Iterable[Follow],
    shown: list[NewsEvent],
    *,
    since: datetime | None,
    cap: int,
) -> Iterator[str]:
    entries = Counter((event.username, event.url, event.event_type) for event in shown)
    ids = Counter(event.id for event in shown)
    for number, times in ids.items():
        if times > 1:
            yield f"the event {number} is there {times} times"
    allowed: Counter[tuple[str, str, NewsEventType]] = Counter()
    wanted: list[Told] = []
    for follow in follows:
        for told in seen.get(follow.author, ()):
            allowed[told.what] += 1
            lost = since is not None and told.at < since
            if (
                told.at > follow.since
                and not told.optional
                and not (lost and told.kind is not NewsEventType.LINK_ADDED)
            ):
                wanted.append(told)
    for what, times in entries.items():
        if times > allowed[what]:
            yield f"{what[2]} of {what[1]} by {what[0]}: there {times} times, told {allowed[what]}"
    newest = sorted(wanted, key=lambda told: told.at, reverse=True)[:cap]
    for what, times in Counter(told.what for told in newest).items():
        if entries[what] < times:
            yield f"{what[2]} of {what[1]} by {what[0]}: there {entries[what]} times, not {times}"
