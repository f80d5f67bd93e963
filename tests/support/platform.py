"""The services in the test's own process: their managers on real Postgres, nothing else running.

News is kept in memory: what only Redis can show, the tests of the news service show.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Final

import link_service.migrations
import social_graph_service.migrations
import user_service.migrations
from api_gateway.app import Managers, create_gateway_app
from api_gateway.cookies import LoginCookie
from api_gateway.github import Authorization
from api_gateway.sessions import Sessions
from api_gateway.testing import FixedNews
from delinkcious.clients.audit import AuditClient
from delinkcious.clients.imports import ImportClient
from delinkcious.clients.links import LinkClient
from delinkcious.clients.news import NewsClient
from delinkcious.clients.social_graph import SocialGraphClient
from delinkcious.clients.users import UserClient
from delinkcious.config import Address
from delinkcious.database import Database
from delinkcious.errors import Unauthenticated
from delinkcious.grpc.client import GrpcClient
from delinkcious.http.app import RestApp
from delinkcious.http.client import HttpClient
from delinkcious.http.slots import Slots
from delinkcious.migrations import migrate
from delinkcious.object_model.users import GitHubIdentity
from delinkcious.testing.addresses import PostgresAddress
from delinkcious.testing.audit import RecordedActs
from delinkcious.testing.databases import Databases
from delinkcious.testing.peers import auth_for, token_of
from delinkcious.testing.serving import serving
from delinkcious.testing.serving_grpc import serving_grpc
from link_service.http import create_link_app
from link_service.imports.manager import ImportManager
from link_service.imports.store import PostgresImportStore
from link_service.manager import LinkManager
from link_service.postgres import PostgresLinkStore
from link_service.transfers import add_transfers
from news_service.grpc import news_grpc_service
from news_service.manager import NewsManager
from news_service.memory import InMemoryNewsStore
from news_service.rebuild import Rebuilder
from news_service.sources import RemoteSources
from news_service.watch import Watchers
from social_graph_service.http import create_social_graph_app
from social_graph_service.manager import SocialGraphManager
from social_graph_service.postgres import PostgresFollowStore
from user_service.audit import AuditTrail
from user_service.audit_http import add_audit
from user_service.audit_store import PostgresAuditStore
from user_service.http import create_user_app
from user_service.manager import UserManager
from user_service.postgres import PostgresUserStore

GATEWAY: Final = "api-gateway"
NEWS: Final = "news-manager"
MAX_LINKS: Final = 10_000
_MIGRATIONS: Final[dict[str, ModuleType]] = {
    "link": link_service.migrations,
    "social_graph": social_graph_service.migrations,
    "user": user_service.migrations,
}


@dataclass(frozen=True)
class Stores:
    """The databases of the services, by the service, each with the connections of its service."""

    link: Database
    social_graph: Database
    user: Database

    def rows(self) -> dict[str, dict[str, list[str]]]:
        """Every row of every table of every database, as text and in order."""
        return {name: _rows(database) for name, database in self._named().items()}

    def close(self) -> None:
        for database in self._named().values():
            database.close()

    def _named(self) -> dict[str, Database]:
        return {"link": self.link, "social_graph": self.social_graph, "user": self.user}


@contextmanager
def stores(databases: Databases) -> Iterator[Stores]:
    """Migrated databases, dropped afterwards."""
    addresses = {name: _database(databases, name) for name in _MIGRATIONS}
    opened = Stores(
        **{name: Database(f"{name}-db", address) for name, address in addresses.items()}
    )
    yield opened
    opened.close()
    for address in addresses.values():
        databases.drop(address.name)


def _database(databases: Databases, name: str) -> PostgresAddress:
    template = databases.template(name, lambda address: migrate(address, _MIGRATIONS[name]))
    return databases.create(template)


def _columns(database: Database) -> list[str]:
    with database.connection() as connection:
        found = connection.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1"
        )
        return [row[0] for row in found]


def _rows(database: Database) -> dict[str, list[str]]:
    tables = sorted({column.partition(".")[0] for column in _columns(database)})
    with database.connection() as connection:
        return {
            table: [
                row[0]
                for row in connection.execute(
                    f'SELECT t::text FROM "{table}" t ORDER BY 1'.encode()
                )
            ]
            for table in tables
        }


def link_app(stores: Stores) -> RestApp:
    """The link service, over its database."""
    store = PostgresLinkStore(stores.link)
    app = create_link_app(LinkManager(store, MAX_LINKS), auth_for(GATEWAY, NEWS))
    imports = ImportManager(PostgresImportStore(stores.link, MAX_LINKS), store)
    add_transfers(app, imports, Slots(4, 2))
    return app


def social_graph_app(stores: Stores) -> RestApp:
    """The social graph service, over its database."""
    manager = SocialGraphManager(PostgresFollowStore(stores.social_graph))
    return create_social_graph_app(manager, auth_for(GATEWAY, NEWS))


def user_app(stores: Stores) -> RestApp:
    """The user service, over its database."""
    manager = UserManager(PostgresUserStore(stores.user), timedelta(days=30))
    app = create_user_app(manager, auth_for(GATEWAY))
    add_audit(app, AuditTrail(PostgresAuditStore(stores.user)))
    return app


class SomeGitHub:
    """An `IdentityProvider` that sends everybody away and takes nobody's word."""

    def authorize(self, redirect_uri: str, login: str | None) -> Authorization:
        return Authorization("https://github.example/authorize?state=s", "s", "v")

    def identify(self, code: str, code_verifier: str, redirect_uri: str) -> GitHubIdentity:
        raise Unauthenticated("GitHub does not know that code.")


@dataclass(frozen=True)
class Platform:
    """The gateway in front of the services."""

    gateway: RestApp
    managers: Managers
    stores: Stores


def managers(stores: Stores) -> Managers:
    """The managers themselves over their databases, and nobody's news: nothing is served."""
    links, users = PostgresLinkStore(stores.link), PostgresUserStore(stores.user)
    return Managers(
        links=LinkManager(links, MAX_LINKS),
        social_graph=SocialGraphManager(PostgresFollowStore(stores.social_graph)),
        users=UserManager(users, timedelta(days=30)),
        news=FixedNews(),
        imports=ImportManager(PostgresImportStore(stores.link, MAX_LINKS), links),
        trail=AuditTrail(PostgresAuditStore(stores.user)),
        recorder=RecordedActs(),
    )


@contextmanager
def platform(stores: Stores) -> Iterator[Platform]:
    """Serves the services from threads; the gateway calls them as it always does."""
    with ExitStack() as stack:

        def address(app: RestApp) -> Address:
            return stack.enter_context(serving(app, one_at_a_time=True))

        at = {"link-manager": address(link_app(stores)), "user-manager": address(user_app(stores))}
        at["social-graph-manager"] = address(social_graph_app(stores))

        def http(peer: str, caller: str = GATEWAY) -> HttpClient:
            return HttpClient(peer, at[peer], token=token_of(caller))

        sources = RemoteSources(
            SocialGraphClient(http("social-graph-manager", NEWS)),
            LinkClient(http("link-manager", NEWS)),
        )
        news = stack.enter_context(_news(sources))
        links, users = http("link-manager"), http("user-manager")
        managers = Managers(
            links=LinkClient(links),
            social_graph=SocialGraphClient(http("social-graph-manager")),
            users=UserClient(users),
            news=news,
            imports=ImportClient(links),
            trail=AuditClient(users),
            recorder=RecordedActs(),
        )
        yield Platform(gateway_app(managers), managers, stores)


def gateway_app(managers: Managers) -> RestApp:
    """The gateway over these managers."""
    sessions = Sessions(managers.users, seconds=5, size=100)
    return create_gateway_app(managers, sessions, SomeGitHub(), LoginCookie("k" * 32))


@contextmanager
def _news(sources: RemoteSources) -> Iterator[NewsClient]:
    store = InMemoryNewsStore(1000, timedelta(days=30))
    watchers = Watchers(limit=10, heartbeat=0.05)
    rebuilder = Rebuilder(store, sources, feed_size=1000)
    service = news_grpc_service(NewsManager(store, rebuilder, watchers), watchers.close)
    with serving_grpc(service, auth=auth_for(GATEWAY)) as address:
        client = GrpcClient("news-manager", address, token=token_of(GATEWAY))
        yield NewsClient(client)
        client.close()
