"""The use cases of the social graph."""

from collections.abc import Callable

from delinkcious.errors import FailedPrecondition
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE
from delinkcious.object_model.social_graph import UserPage
from social_graph_service import events
from social_graph_service.domain import check_follow, page_start, to_page
from social_graph_service.live import Features
from social_graph_service.ports import FollowStore


class SocialGraphManager:
    """Keeps who follows whom; see `delinkcious.object_model.social_graph.SocialGraphManager`.

    Args:
        features: returns what is switched on.
    """

    def __init__(self, store: FollowStore, features: Callable[[], Features] = Features) -> None:
        self._store = store
        self._features = features

    def follow(self, followed: str, follower: str) -> None:
        if not self._features().following:
            raise FailedPrecondition("Nobody can follow anybody else at the moment.")
        check_follow(followed, follower)
        with self._store.transaction() as transaction:
            transaction.insert(followed, follower)
            transaction.publish(events.follow_event(events.FOLLOWED, followed, follower))

    def unfollow(self, followed: str, follower: str) -> None:
        with self._store.transaction() as transaction:
            transaction.delete(followed, follower)
            transaction.publish(events.follow_event(events.UNFOLLOWED, followed, follower))

    def get_followers(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> UserPage:
        after = page_start(start_token)
        return to_page(self._store.get_followers(username, after, page_size + 1), page_size)

    def get_following(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> UserPage:
        after = page_start(start_token)
        return to_page(self._store.get_following(username, after, page_size + 1), page_size)

    def get_all_followers(
        self, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> UserPage:
        after = page_start(start_token)
        return to_page(self._store.get_all_followers(after, page_size + 1), page_size)
