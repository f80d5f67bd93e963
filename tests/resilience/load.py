"""A steady load of several users, each of whom knows what the platform has acknowledged.

A user does one thing after the other. What was acknowledged must be there from then on; of what
was answered by an error, or not at all, nobody knows, so the user looks.
"""

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from tests.support.api import Api, ApiError

_PAUSE: Final = 0.02
_PAGE: Final = 1000
_SERVER_ERROR: Final = 500


@dataclass
class User:
    """Somebody at work.

    Attributes:
        links: what the platform has acknowledged: the title and visibility of each URL.
        following: whom, likewise.
        touched: what the last call was about: a URL, or somebody's name.
        unsure: what a call was about that has failed, as long as nobody has looked.
        lost: what was acknowledged and is not there.
    """

    api: Api
    others: list[str]
    page: str
    random: random.Random
    links: dict[str, tuple[str, str]] = field(default_factory=dict)
    following: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    touched: str = ""
    unsure: str = ""
    made: int = 0

    def work(self, stop: threading.Event) -> None:
        """Does one thing after the other until told to stop."""
        acts = [self.add, self.add, self.update, self.hide, self.delete, self.follow, self.unfollow]
        while not stop.wait(_PAUSE):
            act = self.look if self.unsure else self.random.choice(acts)
            try:
                act()
                self.done[act.__name__] += 1
            except (ApiError, requests.RequestException) as error:
                if isinstance(error, ApiError) and error.status < _SERVER_ERROR:
                    self.lost.append(f"{self.api.username}: {act.__name__}: {error}")
                self.done["refused"] += 1
                self.unsure = self.unsure or self.touched

    def look(self) -> None:
        """Learns what became of what nobody knows of; all the rest has to be as it was told."""
        links = {
            link["url"]: (link["title"], link["visibility"])
            for link in self._pages("/v1/links", "links")
        }
        following = set(self._pages("/v1/following", "following"))
        for url in self.links.keys() | links.keys():
            if self.links.get(url) != links.get(url) and url != self.unsure:
                was = self.links.get(url)
                self.lost.append(f"{self.api.username}: {url} is {links.get(url)}, and was {was}")
        for name in (self.following ^ following) - {self.unsure}:
            self.lost.append(f"{self.api.username}: the follow of {name}")
        self.links, self.following, self.unsure = links, following, ""

    def add(self) -> None:
        self.made += 1
        url = self.touched = f"{self.page}/200/{self.api.username}-{self.made}"
        visibility = self.random.choice(["public", "public", "public", "private"])
        self.api.add(url, title=f"Title {self.made}", visibility=visibility)
        self.links[url] = (f"Title {self.made}", visibility)

    def update(self) -> None:
        if self.links:
            self.made += 1
            url = self.touched = self.random.choice(sorted(self.links))
            self.api.update(url, title=f"Title {self.made}")
            self.links[url] = (f"Title {self.made}", self.links[url][1])

    def hide(self) -> None:
        if self.links:
            url = self.touched = self.random.choice(sorted(self.links))
            visibility = self.random.choice(["public", "private"])
            self.api.update(url, visibility=visibility)
            self.links[url] = (self.links[url][0], visibility)

    def delete(self) -> None:
        if self.links:
            url = self.touched = self.random.choice(sorted(self.links))
            self.api.delete(url)
            del self.links[url]

    def follow(self) -> None:
        if strangers := sorted(set(self.others) - self.following):
            name = self.touched = self.random.choice(strangers)
            self.api.follow(name)
            self.following.add(name)

    def unfollow(self) -> None:
        if self.following:
            name = self.touched = self.random.choice(sorted(self.following))
            self.api.unfollow(name)
            self.following.discard(name)

    def _pages(self, path: str, name: str) -> list[Any]:
        found: list[Any] = []
        token = None
        while True:
            query = {"page_size": _PAGE, "start_token": token}
            page = self.api.call("GET", path, params=query)
            found += page[name]
            token = page["next_page_token"]
            if token is None:
                return found
