"""The followers of an author, asked of the social graph for every event.

They are not kept here: news would be lost of whoever followed a moment ago, and told to whoever
no longer does.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from delinkcious.object_model.social_graph import MAX_USER_PAGE_SIZE, SocialGraphManager


class SocialGraphFollowers:
    """Asks the social graph; see `news_service.ports.Followers`."""

    def __init__(self, social_graph: SocialGraphManager) -> None:
        self._social_graph = social_graph

    async def of(self, username: str) -> AsyncIterator[Sequence[str]]:
        token = None
        while True:
            page = await asyncio.to_thread(
                self._social_graph.get_followers, username, token, MAX_USER_PAGE_SIZE
            )
            if page.usernames:
                yield page.usernames
            token = page.next_page_token
            if token is None:
                return
