"""The real process, with the other services and GitHub served by the test."""

import http.client
import os
import signal
import socket
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import requests

from api_gateway.app import Managers
from delinkcious.auth import MutualAuth
from delinkcious.config import Address
from delinkcious.http.app import RestApp
from delinkcious.object_model.users import GitHubIdentity, UserManager
from delinkcious.testing.addresses import RedisAddress
from delinkcious.testing.peers import auth_file, token_of
from delinkcious.testing.process import ServiceProcess, run_command
from delinkcious.testing.serving import serving
from delinkcious.testing.settings import redis_settings
from delinkcious.testing.sockets import has_ended
from delinkcious.testing.waiting import free_port, wait_until
from link_service.http import create_link_app
from social_graph_service.http import create_social_graph_app
from tools.tests.identity_provider.running import (
    CLIENT_ID,
    CLIENT_SECRET,
    RunningProvider,
    running_provider,
)
from user_service.http import create_user_app

pytestmark = pytest.mark.integration

PEERS = ("link-manager", "social-graph-manager", "user-manager", "news-manager")
SECRET_KEY = "a-secret-key-of-forty-characters-or-more"
URL = "https://www.python.org/"


class Neighbours:
    """The other services, of which a test starts those that it wants."""

    def __init__(self, managers: Managers) -> None:
        self.ports = {peer: free_port() for peer in PEERS}
        users: Any = managers.users
        self.apps: dict[str, RestApp] = {
            "link-manager": create_link_app(managers.links, _auth("link-manager")),
            "social-graph-manager": create_social_graph_app(
                managers.social_graph, _auth("social-graph-manager")
            ),
            "user-manager": create_user_app(users, _auth("user-manager")),
        }

    def serving(self, peer: str) -> AbstractContextManager[Address]:
        """Serves one of them, where the gateway looks for it."""
        return serving(self.apps[peer], self.ports[peer])

    def settings(self) -> dict[str, str]:
        """What the gateway is told of them."""
        told = {}
        for peer, port in self.ports.items():
            prefix = peer.upper().replace("-", "_")
            told[f"{prefix}_SERVICE_HOST"] = "127.0.0.1"
            told[f"{prefix}_SERVICE_PORT"] = str(port)
        return told


def _auth(peer: str) -> MutualAuth:
    return MutualAuth({"api-gateway": [token_of(peer)]})


@pytest.fixture
def neighbours(managers: Managers) -> Neighbours:
    return Neighbours(managers)


@pytest.fixture
def github(tmp_path: Path) -> Iterator[RunningProvider]:
    with running_provider(tmp_path / "github") as provider:
        yield provider


@pytest.fixture
def env(tmp_path: Path, neighbours: Neighbours, github: RunningProvider) -> dict[str, str]:
    key = tmp_path / "secret-key"
    key.write_text(SECRET_KEY + "\n")
    return {
        "MUTUAL_AUTH_FILE": str(auth_file(tmp_path / "mutual-auth.yaml", *PEERS)),
        "SECRET_KEY_FILE": str(key),
        "GITHUB_CLIENT_ID": CLIENT_ID,
        "GITHUB_CLIENT_SECRET": CLIENT_SECRET,
        "GITHUB_URL": github.url,
        "GITHUB_API_URL": github.url,
        **neighbours.settings(),
    }


@pytest.fixture
def gateway(env: dict[str, str]) -> Iterator[ServiceProcess]:
    with ServiceProcess("api_gateway", "serve", env) as process:
        yield process


@pytest.fixture
def client() -> Iterator[requests.Session]:
    """A client with a cookie jar that follows redirects, as ``curl -L -c jar`` does."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Accept"] = "application/json"
        yield session


def login(client: requests.Session, gateway: ServiceProcess, name: str = "alice") -> Any:
    answer = client.get(f"{gateway.url}/login", params={"login": name}, timeout=10)
    assert answer.status_code == 200, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return answer.json()


def test_it_starts_without_its_neighbours_says_whom_it_misses_and_waits(
    gateway: ServiceProcess, neighbours: Neighbours
) -> None:
    assert "user-manager" in gateway.wait_not_ready()
    found = gateway.readiness()["dependencies"]
    assert {name: peer["required"] for name, peer in found.items()} == {
        "user-manager": True,
        "link-manager": False,
        "social-graph-manager": False,
        "news-manager": False,
        "nats": False,
        "redis": False,
    }
    assert not any(peer["ok"] for peer in found.values())
    with neighbours.serving("user-manager"):
        gateway.wait_ready()
    assert "user-manager" in gateway.wait_not_ready()


def test_one_follows_redirects_to_a_session_and_saves_a_link(
    gateway: ServiceProcess, neighbours: Neighbours, client: requests.Session
) -> None:
    with neighbours.serving("user-manager"), neighbours.serving("link-manager"):
        gateway.wait_ready()
        session = login(client, gateway)
        assert session["username"] == "alice"
        added = client.post(f"{gateway.url}/v1/links", json={"url": URL}, timeout=10)
        assert added.status_code == 201
        listed = client.get(f"{gateway.url}/v1/links", timeout=10).json()
        assert [link["url"] for link in listed["links"]] == [URL]
        assert client.post(f"{gateway.url}/logout", timeout=10).status_code == 204
        assert client.get(f"{gateway.url}/v1/me", timeout=10).status_code == 401


def stalled_post(gateway: ServiceProcess, token: str) -> socket.socket:
    """A client that announces a body and sends none of it."""
    head = f"POST /v1/links HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
    connection = socket.create_connection(("127.0.0.1", gateway.port), 10)
    connection.sendall(f"{head}Content-Length: 10\r\n\r\n".encode())
    return connection


def test_one_address_has_only_so_many_connections(
    env: dict[str, str], neighbours: Neighbours
) -> None:
    settings = {"ADDRESS_CONNECTIONS": "8"}
    with (
        neighbours.serving("user-manager"),
        ServiceProcess("api_gateway", "serve", env | settings) as gateway,
        ExitStack() as opened,
    ):
        gateway.wait_ready()
        address = ("127.0.0.1", gateway.port)
        crowd = [
            opened.enter_context(socket.create_connection(address, 10, ("127.0.0.2", 0)))
            for _ in range(12)
        ]
        wait_until(lambda: sum(map(has_ended, crowd)) == 4)
        assert requests.get(f"{gateway.url}/docs", timeout=10).status_code == 200


def test_it_counts_in_redis_and_slow_clients_leave_room_for_others(
    env: dict[str, str],
    neighbours: Neighbours,
    client: requests.Session,
    redis_address: RedisAddress,
) -> None:
    settings = redis_settings("API_GATEWAY_REDIS", redis_address)
    settings |= {"SERVER_THREADS": "1", "LIMIT_TOKEN": "5/hour"}
    with (
        neighbours.serving("user-manager"),
        ServiceProcess("api_gateway", "serve", env | settings) as gateway,
    ):
        gateway.wait_ready()
        token = login(client, gateway)["access_token"]
        with stalled_post(gateway, token), stalled_post(gateway, token):
            answers = [client.get(f"{gateway.url}/v1/me", timeout=10) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert '"token";q=5;w=3600' in answers[0].headers["RateLimit-Policy"]
        assert 3500 < int(answers[3].headers["Retry-After"]) <= 3600
        assert gateway.readiness()["dependencies"]["redis"]["ok"]
        assert b"delinkcious_rate_limits_open 0.0" in gateway.management("/metrics")


def test_a_neighbour_that_is_gone_costs_only_what_needs_it_and_little_time(
    gateway: ServiceProcess, neighbours: Neighbours, client: requests.Session
) -> None:
    with neighbours.serving("user-manager"), neighbours.serving("social-graph-manager"):
        gateway.wait_ready()
        login(client, gateway)
        for path, peer in (("/v1/links", "link-manager"), ("/v1/news", "news-manager")):
            started = monotonic()
            gone = client.get(gateway.url + path, timeout=10)
            assert gone.status_code == 503
            assert gone.headers["Content-Type"] == "application/problem+json"
            assert gone.json()["detail"].startswith(f"{peer} does not answer")
            assert monotonic() - started < 3
        assert client.get(f"{gateway.url}/v1/following", timeout=10).status_code == 200
        with neighbours.serving("link-manager"):
            links = f"{gateway.url}/v1/links"
            wait_until(lambda: client.get(links, timeout=10).status_code == 200)


def test_nothing_names_a_version_of_a_server_or_shows_a_stack(
    gateway: ServiceProcess, neighbours: Neighbours, client: requests.Session
) -> None:
    with neighbours.serving("user-manager"):
        gateway.wait_ready()
        for path in ("/", "/docs", "/nothing", "/v1/me", "/login/authorized?state=x"):
            answer = client.get(gateway.url + path, timeout=10, allow_redirects=False)
            assert answer.status_code < 500
            assert not any(letter.isdigit() for letter in answer.headers.get("Server", ""))
            assert "X-Powered-By" not in answer.headers
            assert "Traceback" not in answer.text


def test_a_body_over_the_limit_is_refused_however_it_comes(
    gateway: ServiceProcess, neighbours: Neighbours, client: requests.Session
) -> None:
    with neighbours.serving("user-manager"):
        gateway.wait_ready()
        login(client, gateway)
        pieces = [b"x" * 65_536] * 17
        for body in (b"".join(pieces), iter(pieces)):
            headers = {"Content-Type": "application/json"}
            answer = client.post(f"{gateway.url}/v1/links", body, headers=headers, timeout=10)
            assert answer.status_code == 413
            assert answer.json()["errors"][0]["field"] == "body"


def test_its_log_tells_who_called_what_and_no_secret(
    gateway: ServiceProcess, neighbours: Neighbours, client: requests.Session
) -> None:
    with neighbours.serving("user-manager"):
        gateway.wait_ready()
        session = login(client, gateway)
        client.get(f"{gateway.url}/v1/users/bob/links?title_regex=private", timeout=10)
    assert gateway.terminate() == 0
    (line,) = [
        line
        for line in gateway.logs()
        if line["event"] == "request" and line["route"].startswith("/v1/users")
    ]
    assert (line["caller"], line["status"], line["method"]) == ("alice", 404, "GET")
    assert line["trace_id"]
    secrets = (session["access_token"], session["email"], SECRET_KEY, CLIENT_SECRET)
    for secret in (*secrets, "title_regex=private", "gho_", "token-of-"):
        assert secret not in gateway.output()


def test_its_log_tells_of_secret_addresses_that_they_were_read_and_not_which(
    gateway: ServiceProcess, neighbours: Neighbours, client: requests.Session
) -> None:
    with neighbours.serving("user-manager"):
        gateway.wait_ready()
        token = {"Access-Token": login(client, gateway)["access_token"]}
        made = client.post(f"{gateway.url}/v1/news/feed", headers=token, timeout=10).json()
        assert made["url"].startswith(f"{gateway.url}/v1/news/feeds/dlf_")
        assert client.get(made["url"], timeout=10).status_code == 503  # there is no news service
        assert client.delete(f"{gateway.url}/v1/news/feed", headers=token, timeout=10).ok
        assert client.get(made["url"], timeout=10).status_code == 404
        assert client.get(made["url"] + "/x", timeout=10).status_code == 404
    assert gateway.terminate() == 0
    routes = [line["route"] for line in gateway.logs() if line["event"] == "request"]
    assert routes.count("/v1/news/feeds/<secret>.atom") >= 2
    assert "dlf_" not in gateway.output()


def test_conditional_requests_pass_through_the_server(
    gateway: ServiceProcess, neighbours: Neighbours, client: requests.Session
) -> None:
    with neighbours.serving("user-manager"), neighbours.serving("link-manager"):
        gateway.wait_ready()
        login(client, gateway)
        feed = f"{gateway.url}/v1/users/alice/links.atom"
        first = client.get(feed, timeout=10)
        assert (first.status_code, first.headers["Content-Type"]) == (200, "application/atom+xml")
        head = client.head(feed, timeout=10)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["ETag"] == first.headers["ETag"]
        known = {"If-None-Match": first.headers["ETag"]}
        again = client.get(feed, headers=known, timeout=10)
        assert (again.status_code, again.content) == (304, b"")
        for name in ("ETag", "Cache-Control"):
            assert again.headers[name] == first.headers[name]


def test_any_tag_passes_through_the_servers(
    gateway: ServiceProcess, neighbours: Neighbours, client: requests.Session
) -> None:
    names = ["a/b", "/a", "a//", "..", "a/../b", "%2f", "?x=1", "#", "ü 日本", "a&name=b;c+d"]
    with neighbours.serving("user-manager"), neighbours.serving("link-manager"):
        gateway.wait_ready()
        token = {"Access-Token": login(client, gateway)["access_token"]}
        link = {"url": URL, "tags": names}
        assert client.post(f"{gateway.url}/v1/links", json=link, timeout=10).status_code == 201
        # As it stands: requests would take ".." for a step up.
        with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)) as raw:

            def delete(path: str) -> tuple[int, bytes]:
                raw.request("DELETE", f"/v1/tags/{path}", headers=token)
                answer = raw.getresponse()
                return answer.status, answer.read()

            for name in names:
                assert delete(quote(name, safe="")) == (200, b'{"links":1}'), name
            # What can be sent as it is takes three times as much on its way to the link service.
            assert delete("(" * 60_000)[0] == 404
            raw.request("GET", f"/v1/links?tag={'(' * 60_000}", headers=token)
            refused = raw.getresponse()
            assert (refused.status, b'"field":"query"' in refused.read()) == (400, True)
        assert client.get(f"{gateway.url}/v1/tags", timeout=10).json()["tags"] == []


def test_a_request_in_flight_is_finished_when_it_is_told_to_stop(
    gateway: ServiceProcess, neighbours: Neighbours, managers: Managers, users: UserManager
) -> None:
    users.register(GitHubIdentity(7, "alice", "Alice", "alice@example.com"))
    token = users.login("alice").access_token
    arrived, go_on = Event(), Event()
    real = neighbours.apps["user-manager"]

    def slow(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/users/alice":
            arrived.set()
            go_on.wait(20)
        return real(environ, start_response)

    with serving(slow, neighbours.ports["user-manager"]):
        gateway.wait_ready()
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        with closing(connection):
            connection.request("GET", "/v1/me", headers={"Access-Token": token})
            assert arrived.wait(10)
            os.kill(gateway.pid, signal.SIGTERM)
            wait_until(lambda: gateway.readiness().get("reason", "").startswith("draining"))
            go_on.set()
            assert connection.getresponse().status == 200
        assert gateway.wait() == 0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"SECRET_KEY_FILE": ""}, "SECRET_KEY is not set"),
        ({"GITHUB_CLIENT_ID": ""}, "GITHUB_CLIENT_ID is not set"),
        ({"MUTUAL_AUTH_FILE": "/nowhere"}, "MUTUAL_AUTH_FILE: /nowhere"),
        ({"GITHUB_URL": "http://github.example"}, "GITHUB_INSECURE"),
    ],
)
def test_a_wrong_configuration_stops_the_start_with_a_clear_line(
    env: dict[str, str], changes: dict[str, str], complaint: str
) -> None:
    ended = run_command("api_gateway", "serve", {**env, **changes})
    assert ended.returncode == 78
    *_, line = ended.stderr.splitlines()
    assert complaint in line
    assert "Traceback" not in ended.stderr
