"""A small world for what holds of every endpoint: some people, their things, and all kinds of
tokens. One application serves one world after the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response
from flask.testing import FlaskClient

from api_gateway.cookies import LoginCookie, PendingLogin
from api_gateway.github import Authorization
from api_gateway.sessions import Sessions
from api_gateway.testing import FixedNews, InMemoryImports
from delinkcious.http.app import RestApp
from delinkcious.object_model.imports import FileFormat, NewImport
from delinkcious.object_model.links import LinkQuery, NewLink, Visibility
from delinkcious.object_model.news import NewsEvent, NewsEventType, NewsPage, NewsWatch
from delinkcious.object_model.users import GitHubIdentity, Scope
from delinkcious.testing.audit import RecordedActs
from link_service.manager import LinkManager
from link_service.memory import InMemoryLinkStore
from social_graph_service.manager import SocialGraphManager
from social_graph_service.memory import InMemoryFollowStore
from user_service.audit import AuditTrail
from user_service.manager import UserManager
from user_service.memory import InMemoryUserStore

from .gateways import Gateways

MARK = "xyzzy"
"""What is in everything that nobody but its owner may see."""
PRIVATE = f"https://{MARK}.example/private"
PUBLIC = "https://www.python.org/"
COOKIE = LoginCookie("k" * 32)
STATE = "s" * 32


class OnesNews:
    """A `NewsManager` that has news for one user."""

    def __init__(self, reader: str, events: Iterable[NewsEvent]) -> None:
        self._reader, self._news = reader, FixedNews(list(events))

    def get_news(self, username: str, *args: Any, **kwargs: Any) -> NewsPage:
        return self._of(username).get_news(username, *args, **kwargs)

    def watch_news(self, username: str, *args: Any, **kwargs: Any) -> NewsWatch:
        return self._of(username).watch_news(username, *args, **kwargs)

    def _of(self, username: str) -> FixedNews:
        return self._news if username == self._reader else FixedNews()


class Vouches:
    """An `IdentityProvider` that says that everybody is Dave."""

    def authorize(self, redirect_uri: str, login: str | None) -> Authorization:
        return Authorization("https://github.example/authorize", STATE, "v")

    def identify(self, code: str, code_verifier: str, redirect_uri: str) -> GitHubIdentity:
        return GitHubIdentity(5, "dave", "Dave", "dave@example.com")


@dataclass
class World:
    """Alice owns things that are marked; Bob owns nothing; Carol wrote news and is leaving."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        store = InMemoryUserStore()
        self.users = UserManager(store, timedelta(days=30), clock=lambda: self.now)
        self.links = LinkManager(InMemoryLinkStore(), 100)
        self.social_graph = SocialGraphManager(InMemoryFollowStore())
        self.imports = InMemoryImports()
        self.trail = AuditTrail(store)
        self.recorder = RecordedActs()
        for number, name in enumerate(("alice", "bob", "carol", "eve"), start=1):
            user = GitHubIdentity(number, name, name.title(), f"{name}-{MARK}@example.com")
            self.users.register(user)
        self._give_alice_things()
        event = NewsEvent(
            "01a1fb91-9b54-7bb4-bb05-c3540574a035",
            NewsEventType.LINK_ADDED,
            "carol",
            f"https://{MARK}.example/news",
            MARK,
            self.now,
        )
        self.news = OnesNews("alice", [event])

    def _give_alice_things(self) -> None:
        private = NewLink(PRIVATE, f"{MARK} title", MARK, (MARK,), Visibility.PRIVATE)
        self.private_id = self.links.add_link("alice", private).id
        self.links.add_link("alice", NewLink(PUBLIC, "Python", "", ("language",)))
        self.social_graph.follow("carol", "alice")
        self.import_id = self.imports.start_import(
            "alice", NewImport(FileFormat.CSV, filename=f"{MARK}.csv"), [b"url"]
        ).id
        self.session()
        self.session_id = self.users.get_sessions("alice")[0].id
        self.token_id = self.users.create_token("alice", MARK).details.id
        self.feed_secret = self.users.create_feed_secret("alice").secret
        self.deletion_id = self.users.delete_account("eve").id

    @property
    def state(self) -> Any:
        """All that Alice has, to see that it has stayed the same."""
        return (
            self.users.get_user("alice"),
            [token.id for token in self.users.get_tokens("alice")],
            [session.id for session in self.users.get_sessions("alice")],
            self.users.get_feed_secret_time("alice"),
            self.links.get_links(LinkQuery("alice")).body,
            self.social_graph.get_following("alice"),
            self.imports.get_imports("alice"),
        )

    def session(self, username: str = "alice") -> str:
        return self.users.login(username).access_token

    def token(self, *scopes: Scope, username: str = "alice", **limits: Any) -> str:
        """A token of these scopes; without any, one for everything."""
        return self.users.create_token(username, "used here", scopes or None, **limits).token

    def expired_session(self) -> str:
        session = self.session()
        self.now += timedelta(days=31)
        return session

    def expired_token(self) -> str:
        token = self.token(expires_at=self.now + timedelta(minutes=1))
        self.now += timedelta(minutes=2)
        return token

    def revoked_session(self) -> str:
        session = self.session()
        self.users.logout(session)
        return session

    def revoked_token(self) -> str:
        token = self.token()
        used = next(each for each in self.users.get_tokens("alice") if each.name == "used here")
        self.users.revoke_token("alice", used.id)
        return token

    def token_of_nobody(self) -> str:
        """Of somebody who has left."""
        token = self.token(username="bob")
        self.users.delete_account("bob")
        return token

    def login_cookie(self) -> str:
        """What a browser has that has begun a login."""
        response = Response()
        COOKIE.put(response, PendingLogin(STATE, "v", "/"), secure=False)
        return response.headers["Set-Cookie"].partition(";")[0]


class Served:
    """An application, and the world that it serves now."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways
        self.anew()
        self.http: FlaskClient = self.app.test_client(use_cookies=False)

    def anew(self) -> World:
        """Makes another world."""
        self.world = World()
        # Nothing is remembered from one call to the next
        sessions = Sessions(self.world.users, seconds=0, size=1)
        self.app: RestApp = self._gateways.over(self.world, sessions, Vouches())
        return self.world
