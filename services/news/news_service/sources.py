"""What feeds are rebuilt from, asked of the social graph and the link service."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from delinkcious.object_model.links import LinkManager, PublicLink
from delinkcious.object_model.social_graph import MAX_USER_PAGE_SIZE, SocialGraphManager


class RemoteSources:
    """Asks other services; see `news_service.ports.Sources`."""

    def __init__(self, social_graph: SocialGraphManager, links: LinkManager) -> None:
        self._social_graph = social_graph
        self._links = links

    async def following(self, username: str) -> Sequence[str]:
        found: list[str] = []
        token = None
        while True:
            page = await asyncio.to_thread(
                self._social_graph.get_following, username, token, MAX_USER_PAGE_SIZE
            )
            found += page.usernames
            token = page.next_page_token
            if token is None:
                return found

    async def latest(self, authors: Sequence[str], limit: int) -> Sequence[PublicLink]:
        return await asyncio.to_thread(self._links.get_latest, authors, limit)

    async def readers(self) -> AsyncIterator[Sequence[str]]:
        token = None
        while True:
            page = await asyncio.to_thread(
                self._social_graph.get_all_followers, token, MAX_USER_PAGE_SIZE
            )
            yield page.usernames
            token = page.next_page_token
            if token is None:
                return
