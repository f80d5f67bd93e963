"""The APIs that are tried: the public one and those of the services, each with who may call it."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import link_checker.callers
import link_service.callers
import social_graph_service.callers
import user_service.callers
from api_gateway.app import Managers
from delinkcious.callers import Callers
from delinkcious.errors import AlreadyExists, DelinkciousError, NotFound
from delinkcious.http.app import RestApp
from delinkcious.object_model.links import LinkChange, LinkManager, NewLink
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.object_model.users import UserManager as Users
from delinkcious.testing.messaging import InMemoryBlockingPublisher
from delinkcious.testing.peers import auth_for, calling_as
from link_checker.checker import Checker
from link_checker.function import LinkCheckFunction
from link_checker.http import create_function_app
from link_checker.page import Page
from link_checker.request import Answer, Method
from link_checker.urls import WebUrl
from tests.support.platform import (
    GATEWAY,
    Stores,
    gateway_app,
    link_app,
    managers,
    social_graph_app,
    user_app,
)

Headers = dict[str, str]

ALICE: Final = GitHubIdentity(1, "alice", "Alice", "alice@example.com")
"""The documents have her name in their examples, and the URL."""
URL: Final = "https://www.python.org/"
_CONVERTER: Final = re.compile(r"<(?:[^<:]+:)?([^>]+)>")
_FIRST_ACCOUNT: Final = 10**9
"""GitHub's ids of those who are made up are small numbers."""


@dataclass(frozen=True)
class Api:
    """An application to be tried.

    Attributes:
        sign: returns headers that show somebody who may make a call, such as ``GET /links/{id}``,
            good for the next request.
    """

    name: str
    app: RestApp
    sign: Callable[[str], Headers]


class Visitor:
    """Somebody who logs in again whenever a request has ended the session, or the account."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._accounts = 0
        self._token = ""
        self._register()

    def headers(self) -> Headers:
        """Returns the header that shows a session."""
        try:
            self._users.authenticate(self._token)
        except DelinkciousError:
            self._enter()
        return {"Authorization": f"Bearer {self._token}"}

    @property
    def username(self) -> str:
        """Who it is now."""
        return f"visitor-{self._accounts}"

    def _enter(self) -> None:
        try:
            self._token = self._users.login(self.username).access_token
        except NotFound:
            self._register()

    def _register(self) -> None:
        self._accounts += 1
        number = _FIRST_ACCOUNT + self._accounts
        identity = GitHubIdentity(number, self.username, "Visitor", "visitor@example.com")
        self._users.register(identity)
        self._token = self._users.login(self.username).access_token


class _AllIsWell:
    """A web of which every page is there; see `link_checker.checker.Web`."""

    def fetch(
        self, method: Method, url: WebUrl, seconds: float, page: Page | None = None
    ) -> Answer:
        return Answer(200)


def gateway(over: Managers) -> Api:
    """The public API, called by a user who has what a call can only take away once."""
    visitor = Visitor(over.users)
    over.users.register(ALICE)

    def sign(call: str) -> Headers:
        headers = visitor.headers()
        if call == "DELETE /v1/tags/{name}":
            _save_with_tag(over.links, visitor.username)
        if call == "DELETE /v1/following":
            with suppress(AlreadyExists):
                over.social_graph.follow("alice", visitor.username)
        return headers

    return Api("gateway", gateway_app(over), sign)


def _save_with_tag(links: LinkManager, username: str) -> None:
    """Has somebody have a link with the tag that the documents have in their examples."""
    with suppress(AlreadyExists):
        links.add_link(username, NewLink(URL))
    links.update_link(username, LinkChange(URL, add_tags=("python",)))


def service(name: str, stores: Stores) -> Api:
    """The REST API of a service over its database, called by services that may."""
    managers(stores).users.register(ALICE)
    return _SERVICES[name](stores)


def _with_tag(stores: Stores) -> Callable[[str], Headers]:
    links, peers = managers(stores).links, _peers(link_service.callers.CALLERS)

    def sign(call: str) -> Headers:
        if call.endswith(" /tags"):
            _save_with_tag(links, "alice")
        return peers(call)

    return sign


def _peers(table: Callers) -> Callable[[str], Headers]:
    allowed = {_CONVERTER.sub(r"{\1}", call): min(peers) for call, peers in table.items()}
    return lambda call: calling_as(allowed.get(call, GATEWAY))


def _link_checker() -> RestApp:
    checker = Checker(_AllIsWell(), timeout=1, max_redirects=3, max_page_bytes=1000)
    function = LinkCheckFunction(checker, InMemoryBlockingPublisher())
    return create_function_app(function, auth_for(GATEWAY, "link-manager"))


_SERVICES: Final[Mapping[str, Callable[[Stores], Api]]] = {
    "link": lambda stores: Api("link", link_app(stores), _with_tag(stores)),
    "social_graph": lambda stores: Api(
        "social_graph", social_graph_app(stores), _peers(social_graph_service.callers.CALLERS)
    ),
    "user": lambda stores: Api("user", user_app(stores), _peers(user_service.callers.CALLERS)),
    "link_checker": lambda _stores: Api(
        "link_checker", _link_checker(), _peers(link_checker.callers.CALLERS)
    ),
}
NAMES: Final = ("gateway", *_SERVICES)
"""The gateway, and every service that speaks REST."""
