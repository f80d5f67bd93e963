"""The news service from afar."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final

from delinkcious.grpc.client import GrpcClient, GrpcStream
from delinkcious.news.v1 import news_pb2
from delinkcious.news.v1.news_pb2_grpc import NewsStub
from delinkcious.object_model.news import NewsEvent, NewsEventType, NewsPage
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE

_TYPES: Final = {
    news_pb2.NEWS_EVENT_TYPE_LINK_ADDED: NewsEventType.LINK_ADDED,
    news_pb2.NEWS_EVENT_TYPE_LINK_UPDATED: NewsEventType.LINK_UPDATED,
    news_pb2.NEWS_EVENT_TYPE_LINK_DELETED: NewsEventType.LINK_DELETED,
}


class NewsClient:
    """A `NewsManager` that is another process."""

    def __init__(self, grpc: GrpcClient) -> None:
        self._grpc = grpc

    def get_news(
        self,
        username: str,
        start_token: str | None = None,
        page_size: int = DEFAULT_PAGE_SIZE,
        author: str | None = None,
    ) -> NewsPage:
        request = news_pb2.GetNewsRequest(
            username=username,
            start_token=start_token or "",
            page_size=_int32(page_size),
            author=author or "",
        )
        get = self._grpc.stub(NewsStub).GetNews
        page: Any = self._grpc.call("GetNews", get, request, retry=True)
        events = tuple(_to_event(event) for event in page.events if event.event_type in _TYPES)
        return NewsPage(events, page.next_token or None)

    def watch_news(
        self, username: str, after: str | None = None, author: str | None = None
    ) -> "NewsStream":
        request = news_pb2.WatchNewsRequest(
            username=username, after=after or "", author=author or ""
        )
        watch = self._grpc.stub(NewsStub).WatchNews
        return NewsStream(self._grpc.stream("WatchNews", watch, request))


class NewsStream:
    """A `NewsWatch` of another process."""

    def __init__(self, messages: GrpcStream[Any]) -> None:
        self._messages = messages

    def __iter__(self) -> Iterator[NewsEvent | None]:
        for message in self._messages:
            if not message.HasField("event"):
                yield None
            elif message.event.event_type in _TYPES:
                yield _to_event(message.event)

    def close(self) -> None:
        self._messages.close()


def _int32(number: int) -> int:
    """Returns the nearest number that the contract can carry, for the service to refuse."""
    return max(-(2**31), min(number, 2**31 - 1))


def _to_event(event: Any) -> NewsEvent:
    return NewsEvent(
        id=event.id,
        event_type=_TYPES[event.event_type],
        username=event.username,
        url=event.url,
        title=event.title,
        timestamp=event.timestamp.ToDatetime(UTC),
    )
