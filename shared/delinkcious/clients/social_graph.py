"""The social graph service from afar."""

from delinkcious.http.client import HttpClient
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE
from delinkcious.object_model.social_graph import UserPage


class SocialGraphClient:
    """A `SocialGraphManager` that is another process."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def follow(self, followed: str, follower: str) -> None:
        self._http.request("POST", "/follow", json={"followed": followed, "follower": follower})

    def unfollow(self, followed: str, follower: str) -> None:
        self._http.request("POST", "/unfollow", json={"followed": followed, "follower": follower})

    def get_followers(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> UserPage:
        return self._page("followers", username, start_token, page_size)

    def get_following(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> UserPage:
        return self._page("following", username, start_token, page_size)

    def get_all_followers(
        self, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> UserPage:
        query = {"start_token": start_token, "page_size": page_size}
        page = self._http.get("/followers", query).json()
        return UserPage(tuple(page["followers"]), page["next_page_token"])

    def _page(self, kind: str, username: str, start_token: str | None, page_size: int) -> UserPage:
        query = {"start_token": start_token, "page_size": page_size}
        page = self._http.get(f"/{kind}/{username}", query).json()
        return UserPage(tuple(page[kind]), page["next_page_token"])
