"""``docker compose restart`` of each service in turn, while people work.

The gateway is spoken to without the engine's proxy: that accepts connections for a moment before
there is a container that could take them, and then closes them without a word.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from itertools import count
from threading import Event
from time import monotonic, sleep

import pytest
import requests
import urllib3

from delinkcious.testing.waiting import wait_until
from tests.support.api import Api
from tests.support.compose import ComposeStack, Part

CLIENTS = 3
PORT = 5000
PATIENCE = 60

PARTS: list[Part] = [
    *(("api-gateway", "serve"), ("user-manager", "serve"), ("user-manager", "work")),
    *(("link-manager", "serve"), ("link-manager", "work")),
    *(("social-graph-manager", "serve"), ("social-graph-manager", "work")),
    *(("news-manager", "serve"), ("news-manager", "work")),
    *(("link-checker", "serve"), ("link-checker", "work")),
    *(("postgres", ""), ("redis", ""), ("nats", "")),
]


@dataclass
class Client:
    """Saves one link after another.

    A request is sent again only if nobody has taken it: no connection came about, or a gateway
    says, with 503 and when to try again, that who should do the work is not there.

    Attributes:
        may_be_there: whether what was not taken may have been saved all the same: of a database
            that ends while it saves, nobody knows.
    """

    user: Api
    number: int
    may_be_there: bool = False
    added: list[str] = field(default_factory=list)
    refused: int = 0
    unavailable: int = 0

    def work(self, enough: Event) -> None:
        with requests.Session() as session:
            for number in count():
                if enough.wait(0.1):
                    return
                url = f"http://{self.number}.example/{number}"
                before = self.unavailable
                answer = self._until_taken(session, url)
                good = {HTTPStatus.CREATED}
                if self.unavailable > before and self.may_be_there:
                    good.add(HTTPStatus.CONFLICT)
                assert answer.status_code in good, answer.text
                self.added.append(url)

    def _until_taken(self, session: requests.Session, url: str) -> requests.Response:
        began = monotonic()
        while True:
            try:
                answer = session.post(
                    f"{self.user.base}/v1/links",
                    json={"url": url},
                    headers={"Authorization": f"Bearer {self.user.token}"},
                    timeout=(3, 30),
                )
            except requests.ConnectionError as error:
                if not nobody_there(error) or monotonic() - began > PATIENCE:
                    raise
                self.refused += 1
            else:
                if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    return answer
                assert int(answer.headers["Retry-After"]) > 0
                assert monotonic() - began < PATIENCE, answer.text
                self.unavailable += 1
            sleep(0.1)


def nobody_there(error: requests.ConnectionError) -> bool:
    """Tells whether no connection came about."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


@pytest.mark.parametrize(("name", "role"), PARTS, ids=lambda each: each or "server")
def test_a_restart_under_load_loses_nothing(stack: ComposeStack, name: str, role: str) -> None:
    users = [
        Api.login(stack.gateway, f"load-{n}-{name}-{role or 'server'}") for n in range(CLIENTS)
    ]
    if name == "api-gateway":
        users = [replace(user, base=f"http://{stack.address(name)}:{PORT}") for user in users]
    lost = name == "postgres"
    clients = [Client(user, number, may_be_there=lost) for number, user in enumerate(users)]
    enough = Event()
    with ThreadPoolExecutor(CLIENTS) as threads:
        load = [threads.submit(client.work, enough) for client in clients]
        try:
            wait_until(lambda: all(len(client.added) > 5 for client in clients), timeout=30)
            stack.control("restart", (name, role))
            wait_until(stack.all_ready, timeout=PATIENCE)
            before = [len(client.added) for client in clients]
            wait_until(
                lambda: (
                    all(
                        len(client.added) > was + 5
                        for client, was in zip(clients, before, strict=True)
                    )
                    or any(done.done() for done in load)
                ),
                timeout=30,
            )
        finally:
            enough.set()
        for done in load:
            done.result()
    print(
        f"{name} {role}: {sum(len(c.added) for c in clients)} links,"
        f" {sum(c.refused for c in clients)} times nobody there,"
        f" {sum(c.unavailable for c in clients)} times 503"
    )
    for client in clients:
        there = {link["url"] for link in client.user.links(page_size=1000)}
        assert there == set(client.added)
