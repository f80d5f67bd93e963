"""The gRPC transport of the news service: decode, call, encode. Only the gateway may call it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

import grpc.aio

from delinkcious.grpc.layers import Context
from delinkcious.grpc.server import GrpcService
from delinkcious.news.v1 import news_pb2, news_pb2_grpc
from delinkcious.object_model.news import AsyncNewsManager, NewsEvent, NewsEventType
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE
from news_service.callers import CALLERS

NAME: Final[str] = news_pb2.DESCRIPTOR.services_by_name["News"].full_name

_TYPES: Final = {
    NewsEventType.LINK_ADDED: news_pb2.NEWS_EVENT_TYPE_LINK_ADDED,
    NewsEventType.LINK_UPDATED: news_pb2.NEWS_EVENT_TYPE_LINK_UPDATED,
    NewsEventType.LINK_DELETED: news_pb2.NEWS_EVENT_TYPE_LINK_DELETED,
}


class NewsServicer:
    """Answers for a manager."""

    def __init__(self, manager: AsyncNewsManager) -> None:
        self._manager = manager

    async def GetNews(self, request: Any, _context: Context) -> Any:  # noqa: N802
        page = await self._manager.get_news(
            request.username,
            request.start_token or None,
            request.page_size if request.HasField("page_size") else DEFAULT_PAGE_SIZE,
            request.author or None,
        )
        return news_pb2.GetNewsResponse(
            events=map(_to_message, page.events), next_token=page.next_token
        )

    async def WatchNews(  # noqa: N802
        self, request: Any, _context: Context
    ) -> AsyncGenerator[Any, None]:
        watch = self._manager.watch_news(
            request.username, request.after or None, request.author or None
        )
        async with aclosing(watch) as events:
            async for event in events:
                yield news_pb2.WatchNewsResponse(event=_to_message(event) if event else None)


def news_grpc_service(
    manager: AsyncNewsManager, stop_watching: Callable[[], None] = lambda: None
) -> GrpcService:
    """Returns the service that a server is to serve.

    Args:
        stop_watching: ends what `AsyncNewsManager.watch_news` returned.
    """

    def register(server: grpc.aio.Server) -> None:
        news_pb2_grpc.add_NewsServicer_to_server(NewsServicer(manager), server)

    return GrpcService(NAME, register, CALLERS, stop_watching)


def _to_message(event: NewsEvent) -> Any:
    return news_pb2.NewsEvent(
        id=event.id,
        event_type=_TYPES[event.event_type],
        username=event.username,
        url=event.url,
        title=event.title,
        timestamp=event.timestamp,
    )
