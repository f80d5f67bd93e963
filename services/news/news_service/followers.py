"""The followers of an author, asked of the social graph for every event.

They are not kept here: news would be lost of whoever followed a moment ago (ADR-0010).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from delinkcious.object_model.social_graph import MAX_USER_PAGE_SIZE, SocialGraphManager


class SocialGraphFollowers:
    """Asks the social graph; see `news_service.ports.Followers`.

    Args:
        wanted: how many are asked for at once, as far as that can be.
    """

    def __init__(self, social_graph: SocialGraphManager, wanted: int) -> None:
        self._social_graph = social_graph
        self._page_size = min(wanted, MAX_USER_PAGE_SIZE)

    async def of(self, username: str) -> AsyncIterator[Sequence[str]]:
        token = None
        while True:
            page = await asyncio.to_thread(
                self._social_graph.get_followers, username, token, self._page_size
            )
            if page.usernames:
                yield page.usernames
            token = page.next_page_token
            if token is None:
                return
