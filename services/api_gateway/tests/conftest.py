"""The gateway over the real managers of the services, with their stores in memory."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from api_gateway.app import Managers, create_gateway_app
from api_gateway.audit import origin
from api_gateway.cookies import LoginCookie
from api_gateway.github import IdentityProvider
from api_gateway.sessions import Sessions
from api_gateway.testing import MAX_LINKS, Caller, FixedNews, InMemoryImports, NoProvider
from delinkcious.http.app import RestApp
from delinkcious.object_model.users import GitHubIdentity, UserManager
from delinkcious.testing.audit import RecordedActs
from link_service.manager import LinkManager
from link_service.memory import InMemoryLinkStore
from social_graph_service.manager import SocialGraphManager
from social_graph_service.memory import InMemoryFollowStore
from user_service.audit import AuditTrail
from user_service.manager import UserManager as RealUserManager
from user_service.memory import InMemoryUserStore

from .gateways import Gateways

Build = Callable[[Managers], RestApp]


@pytest.fixture
def news() -> FixedNews:
    return FixedNews()


@pytest.fixture
def imports() -> InMemoryImports:
    return InMemoryImports()


@pytest.fixture
def user_store() -> InMemoryUserStore:
    return InMemoryUserStore()


@pytest.fixture
def users(user_store: InMemoryUserStore) -> UserManager:
    return RealUserManager(user_store, timedelta(days=30), origin=origin)


@pytest.fixture
def trail(user_store: InMemoryUserStore) -> AuditTrail:
    return AuditTrail(user_store)


@pytest.fixture
def recorder() -> RecordedActs:
    """Remembers what the gateway has recorded."""
    return RecordedActs()


@pytest.fixture
def managers(
    users: UserManager,
    news: FixedNews,
    imports: InMemoryImports,
    trail: AuditTrail,
    recorder: RecordedActs,
) -> Managers:
    return Managers(
        links=LinkManager(InMemoryLinkStore(), MAX_LINKS),
        social_graph=SocialGraphManager(InMemoryFollowStore()),
        users=users,
        news=news,
        imports=imports,
        trail=trail,
        recorder=recorder,
    )


@pytest.fixture
def provider() -> IdentityProvider:
    return NoProvider()


@pytest.fixture
def sessions(managers: Managers) -> Sessions:
    return Sessions(managers.users, seconds=5, size=100)


@pytest.fixture(scope="session")
def gateways() -> Gateways:
    return Gateways()


@pytest.fixture
def build(sessions: Sessions, provider: IdentityProvider) -> Build:
    """Makes an application of the test's own, over other managers than the usual ones."""
    return lambda managers: create_gateway_app(managers, sessions, provider, LoginCookie("k" * 32))


@pytest.fixture
def app(
    gateways: Gateways, managers: Managers, sessions: Sessions, provider: IdentityProvider
) -> RestApp:
    return gateways.over(managers, sessions, provider)


@pytest.fixture
def http(app: RestApp) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def caller(app: RestApp, users: UserManager) -> Callable[[str], Caller]:
    """Gives somebody an account and a session."""

    def enter(username: str) -> Caller:
        number = sum(map(ord, username))
        identity = GitHubIdentity(number, username, username.title(), f"{username}@example.com")
        name = users.register(identity).username
        return Caller(name, users.login(name).access_token, app.test_client(use_cookies=False))

    return enter


@pytest.fixture
def alice(caller: Callable[[str], Caller]) -> Caller:
    return caller("alice")


@pytest.fixture
def bob(caller: Callable[[str], Caller]) -> Caller:
    return caller("bob")
