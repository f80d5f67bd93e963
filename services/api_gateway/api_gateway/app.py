"""The public API, composed: its endpoints, and what every request passes through.

1. observe: span, log line and metrics, around everything (`delinkcious.http.app`)
2. headers, and cors: what every answer tells browsers and caches
3. client_address, and limits: from where the request comes, and whether that is too often
4. authentication: who calls, and whether they may, before anything of the request is read; users
   and tokens are counted by their limits here, where they are known
5. problems: every error into a problem document
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from api_gateway import authentication, client_address, cors, docs, headers, limits
from api_gateway.account import add_account, add_tokens
from api_gateway.audit import add_audit
from api_gateway.client_address import Proxies
from api_gateway.cookies import LoginCookie
from api_gateway.csrf import add_form_tokens
from api_gateway.deletion import add_deletion, add_export_of_account
from api_gateway.export import add_export
from api_gateway.feeds import add_address_of_news, add_feed_of_links, add_feed_of_news
from api_gateway.github import IdentityProvider
from api_gateway.imports import add_imports, add_start_of_imports
from api_gateway.limits import Limiter
from api_gateway.links import add_changes_of_links, add_lists_of_links
from api_gateway.login import Login, add_login
from api_gateway.news import add_news
from api_gateway.news_stream import NewsStreams, add_news_stream
from api_gateway.open_sessions import add_sessions
from api_gateway.personal_data import PersonalData
from api_gateway.sessions import Sessions
from api_gateway.social import add_changes_of_following, add_lists_of_users
from api_gateway.tags import add_tags
from delinkcious.audit import Recorder
from delinkcious.http.app import RestApp, create_app
from delinkcious.http.slots import Slots
from delinkcious.info import version_of
from delinkcious.object_model.audit import AuditTrail
from delinkcious.object_model.imports import ImportManager
from delinkcious.object_model.links import LinkManager
from delinkcious.object_model.news import NewsManager
from delinkcious.object_model.social_graph import SocialGraphManager
from delinkcious.object_model.users import UserManager

_TRANSFERS_EACH: Final = 2
"""How many imports and exports of one user may pass through at a time."""
_LONG_CALLS: Final = 2
_LONG_CALLS_EACH: Final = 1
"""How many searches by regular expressions, and how many changes of many links, of all users and of
one may be under way at a time.
"""


@dataclass(frozen=True, slots=True)
class Managers:
    """What the gateway passes calls on to."""

    links: LinkManager
    social_graph: SocialGraphManager
    users: UserManager
    news: NewsManager
    imports: ImportManager
    trail: AuditTrail
    recorder: Recorder

    @property
    def personal_data(self) -> PersonalData:
        """Everything that a person has here."""
        return PersonalData(
            self.users, self.social_graph, self.links, self.imports, self.news, self.trail
        )


def create_gateway_app(
    managers: Managers,
    sessions: Sessions,
    provider: IdentityProvider,
    cookie: LoginCookie,
    public_url: str = "",
    *,
    streams: NewsStreams | None = None,
    transfers: int = 4,
    logins: int = 2,
    proxies: Proxies | None = None,
    cors_origins: Collection[str] = (),
    limiter: Limiter | None = None,
) -> RestApp:
    """Returns the application that serves the public API.

    Args:
        streams: the streams of news, for who wants to end them.
        transfers: how many imports and exports may pass through at a time.
        logins: how many may wait for GitHub at a time.
        proxies: whose word is taken for the addresses of clients; without any, nobody's.
        cors_origins: the other sites whose scripts may call.
        limiter: counts requests; without one there are no limits.
    """
    app = create_app(__name__, title="Delinkcious", version=version_of("api-gateway"), auth=None)
    headers.install(app, https=public_url.startswith("https:"))
    cors.install(app, cors_origins)
    login = Login(managers.users, provider, cookie, public_url, Slots(logins, 1, "logins"))
    add_login(app, login, managers.recorder)
    add_form_tokens(app)
    add_account(app, managers.users, sessions)
    add_sessions(app, managers.users, sessions)
    add_tokens(app, managers.users, sessions)
    add_deletion(app, managers.users, sessions)
    regexes = Slots(_LONG_CALLS, _LONG_CALLS_EACH, "searches by regular expressions")
    add_lists_of_links(app, managers.links, managers.users, regexes)
    places = Slots(_LONG_CALLS, _LONG_CALLS_EACH, "changes of many links")
    add_changes_of_links(app, managers.links, places)
    add_tags(app, managers.links, places)
    slots = Slots(transfers, _TRANSFERS_EACH)
    add_start_of_imports(app, managers.imports, slots)
    add_imports(app, managers.imports)
    add_export(app, managers.imports, slots, managers.recorder)
    add_export_of_account(app, managers.personal_data, slots, managers.recorder)
    add_audit(app, managers.trail)
    add_lists_of_users(app, managers.social_graph)
    add_changes_of_following(app, managers.social_graph, managers.users)
    add_news(app, managers.news)
    add_news_stream(app, streams or NewsStreams(managers.news, sessions))
    add_feed_of_links(app, managers.links, managers.users, public_url)
    add_feed_of_news(app, managers.news, managers.users, public_url)
    add_address_of_news(app, managers.users, public_url)
    docs.install(app, public_url)
    if limiter:
        limits.install(app, limiter)
    authentication.install(app, sessions, public_url, limiter.count_user if limiter else None)
    client_address.install(app, proxies or Proxies())
    return app
