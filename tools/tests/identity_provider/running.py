"""A provider that runs in a thread of the test, on a free port, with a clock the test turns."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import requests
from requests_oauthlib import OAuth2Session

from delinkcious.testing.current import Current
from tools.identity_provider.accounts import AccountStore
from tools.identity_provider.app import create_app
from tools.identity_provider.config import ProviderConfig
from tools.identity_provider.faults import Faults
from tools.identity_provider.grants import Grants
from tools.identity_provider.server import listen, serving

CLIENT_ID = "delinkcious-test"
CLIENT_SECRET = "the-secret-of-the-application"
CALLBACK = "http://127.0.0.1:5000/login/authorized"


@dataclass
class RunningProvider:
    """What a test needs to talk to the provider as an application, a browser or GitHub's owner."""

    url: str
    http: requests.Session
    seconds: list[float] = field(default_factory=lambda: [0.0])

    @contextmanager
    def application(self, **options: Any) -> Iterator[OAuth2Session]:
        """The application at the other end: requests-oauthlib, as the gateway uses it."""
        defaults = {"redirect_uri": CALLBACK, "scope": ["user:email"], "pkce": "S256"}
        with OAuth2Session(CLIENT_ID, **(defaults | options)) as session:
            session.trust_env = False
            yield session

    def authorize(self, **parameters: str) -> requests.Response:
        """What the browser gets from the authorize page, without following a redirect."""
        asked = {"client_id": CLIENT_ID, "scope": "user:email", "state": "s"} | parameters
        return self.http.get(
            f"{self.url}/login/oauth/authorize", params=asked, allow_redirects=False
        )

    def code(self, login: str = "alice", **parameters: str) -> str:
        """A code for this user."""
        return query_of(self.authorize(login=login, **parameters))["code"]

    def exchange(self, code: str, **fields: str) -> dict[str, str]:
        """GitHub's JSON answer to the exchange of a code."""
        form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code": code} | fields
        response = self.http.post(
            f"{self.url}/login/oauth/access_token",
            data=form,
            headers={"Accept": "application/json"},
        )
        assert response.status_code == 200
        answer: dict[str, str] = response.json()
        return answer

    def token(self, login: str = "alice", scope: str = "user:email") -> str:
        """A token of this user."""
        return self.exchange(self.code(login, scope=scope))["access_token"]

    def api(self, path: str, token: str, **options: Any) -> requests.Response:
        """A call of the API with a token."""
        return self.http.get(
            f"{self.url}{path}", headers={"Authorization": f"Bearer {token}"}, **options
        )

    def user(self, login: str) -> dict[str, Any]:
        """What `/user` says to an application in which this user has just logged in."""
        answer: dict[str, Any] = self.api("/user", self.token(login)).json()
        return answer

    def control(self, method: str, path: str, document: Any = None) -> requests.Response:
        """A call of a control endpoint."""
        return self.http.request(method, f"{self.url}/_local{path}", json=document)


class _Application:
    """The provider's application, over what each test has of its own: it takes longer to make than
    to run.
    """

    def __init__(self, directory: Path) -> None:
        self.config = ProviderConfig(CLIENT_ID, CLIENT_SECRET, CALLBACK, directory, "127.0.0.1", 0)
        self._accounts, self._grants, self._faults = Current(), Current(), Current()
        parts: Any = (self._accounts, self._grants, self._faults)
        self.app = create_app(self.config, *parts)

    def put(self, accounts: AccountStore, grants: Grants, faults: Faults) -> None:
        self._accounts.put(accounts)
        self._grants.put(grants)
        self._faults.put(faults)


_idle: Final[list[_Application]] = []


@contextmanager
def running_provider(directory: Path) -> Iterator[RunningProvider]:
    """Run the provider on the accounts of that directory."""
    application = _idle.pop() if _idle else _Application(directory)
    seconds, stopping = [0.0], Event()
    application.put(
        AccountStore(directory), Grants(clock=lambda: seconds[0]), Faults(stopping.wait)
    )
    server = listen(application.app, application.config.bind_address, application.config.port)
    with serving(server, poll_seconds=0.005), requests.Session() as http:
        http.trust_env = False
        yield RunningProvider(f"http://127.0.0.1:{server.port}", http, seconds)
        stopping.set()
    _idle.append(application)


def query_of(response: requests.Response) -> dict[str, str]:
    """The parameters of the URL this answer redirects to."""
    assert response.status_code == 302
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}
