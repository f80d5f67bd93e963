"""The platform with TLS on every hop: it works as without, and lets in nobody who does not belong.

It has a stack of its own, because nothing in it may be reached unencrypted.
"""

import json
import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest

from delinkcious.config import TlsFiles
from delinkcious.testing.certificates import Authority
from delinkcious.testing.waiting import wait_until
from tests.support.api import Api
from tests.support.stack import Stack
from tools.consistency.__main__ import differences

pytestmark = pytest.mark.tls

Page = Callable[..., str]
INTERNAL: Final = (
    *("link-manager", "social-graph-manager", "user-manager", "news-manager", "link-checker"),
)
STORES: Final = ("postgres-tls", "redis-tls", "nats")
POSTGRES_WANTS_TLS: Final = struct.pack("!ii", 8, 80877103)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("encrypted") / "local", DELINKCIOUS_TLS="true")
    stack.start()
    with pytest.MonkeyPatch.context() as patch:  # browsers have the public CA
        patch.setenv("REQUESTS_CA_BUNDLE", str(stack.folder / "tls" / "ca.pem"))
        yield stack
    assert stack.stop() == 0


def test_people_do_there_what_they_do_anywhere(encrypted: Stack, page: Page) -> None:
    """Every hop has its part: logins, requests by REST and gRPC, and events to each worker."""
    assert encrypted.gateway.startswith("https://")
    alice, bob = (Api.login(encrypted.gateway, name) for name in ("alice", "bob"))
    bob.follow(alice.username)
    good, dead = page(200, "The page's own title"), page(404)
    alice.add(good, tags=["web"])
    alice.add(dead, title="Dead")
    alice.add(page(), title="Secret", visibility="private")
    wait_until(
        lambda: [(alice.link(url) or {})["status"] for url in (good, dead)] == ["valid", "invalid"],
        timeout=20,
    )
    wait_until(lambda: (alice.link(good) or {})["title"] == "The page's own title", timeout=10)
    wait_until(lambda: {event["url"] for event in bob.news()} == {good, dead}, timeout=10)
    assert len(alice.links(q="tag:web")) == 1
    assert alice.call("GET", "/v1/followers")["followers"] == ["bob"]
    wait_until(lambda: trail(alice), timeout=10)
    alice.call("POST", "/logout")
    assert bob.call("GET", "/v1/users/alice/links")["links"]
    assert encrypted.all_ready()
    wait_until(lambda: differences(encrypted.folder) == [], timeout=10)  # the last event, too


def trail(user: Api) -> Any:
    return [entry["action"] for entry in user.call("GET", "/v1/me/audit")["entries"]]


@pytest.fixture(scope="module")
def outsider(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """A certificate for the right name, of another CA."""
    return Authority(tmp_path_factory.mktemp("outsider")).issue("api-gateway")


def ports(stack: Stack) -> dict[str, int]:
    content = stack.read()
    found = {p["name"]: p["port"] for p in content["processes"] if p["role"] == "serve"}
    return {**found, **{name: server["port"] for name, server in content["servers"].items()}}


@pytest.mark.parametrize("name", [*INTERNAL, *STORES])
@pytest.mark.parametrize("shown", ["nothing", "a certificate of another CA", "its own"])
def test_who_has_no_certificate_of_the_ca_is_let_into_nothing(
    encrypted: Stack, outsider: TlsFiles, name: str, shown: str
) -> None:
    """With its own a member gets an answer: what is refused is not just everything."""
    ca = encrypted.folder / "tls" / "ca.pem"
    own = TlsFiles(ca, ca.with_name("api-gateway.pem"), ca.with_name("api-gateway.key"))
    files = {"nothing": None, "its own": own}.get(shown, outsider)
    assert answers(ports(encrypted)[name], name, ca, files) is (shown == "its own")


def answers(port: int, name: str, ca: Path, files: TlsFiles | None) -> bool:
    """Tells whether a server reads what comes over TLS, and says anything to it."""
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    if name == "news-manager":
        context.set_alpn_protocols(["h2"])
    if files is not None:
        assert files.cert is not None
        context.load_cert_chain(files.cert, files.key)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        if name == "nats":
            plain.recv(4096)  # its greeting; it encrypts after that
        elif name == "postgres-tls":
            plain.sendall(POSTGRES_WANTS_TLS)
            assert plain.recv(1) == b"S"
        try:
            with context.wrap_socket(plain) as connection:
                connection.sendall(question(name))
                return bool(connection.recv(1))
        except (ssl.SSLError, ConnectionError):
            return False


def question(name: str) -> bytes:
    """Returns what a server has an answer to, whoever asks."""
    match name:
        case "postgres-tls":
            words = b"user\0nobody\0database\0postgres\0\0"
            return struct.pack("!ii", 8 + len(words), 196608) + words
        case "redis-tls":
            return b"PING\r\n"
        case "nats":
            return b"CONNECT {}\r\nPING\r\n"
        case "news-manager":
            return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
        case _:
            return b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("name", [*INTERNAL, "api-gateway"])
def test_a_plain_caller_is_refused(encrypted: Stack, name: str) -> None:
    with socket.create_connection(("127.0.0.1", ports(encrypted)[name]), timeout=5) as plain:
        plain.sendall(b"GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not talks(plain)


def test_a_plain_caller_of_a_store_is_refused(encrypted: Stack) -> None:
    for name, said in (("postgres-tls", question("postgres-tls")), ("redis-tls", b"PING\r\n")):
        with socket.create_connection(("127.0.0.1", ports(encrypted)[name]), timeout=5) as plain:
            plain.sendall(said)
            assert not talks(plain)
    with socket.create_connection(("127.0.0.1", ports(encrypted)["nats"]), timeout=5) as plain:
        greeting = plain.recv(4096)
        assert b'"tls_required":true' in greeting
        assert b'"tls_verify":true' in greeting
        plain.sendall(question("nats"))
        assert not talks(plain)


def talks(plain: socket.socket) -> bool:
    """Tells whether what comes is an answer, and not the end, or TLS's own complaint."""
    try:
        return plain.recv(1) not in {b"", b"\x15"}
    except ConnectionError:
        return False


def test_the_secret_of_two_services_is_renewed_and_no_request_is_lost(encrypted: Stack) -> None:
    """Both know the new one, then both send it, then the old one is forgotten: no restart."""
    alice, stop = Api.login(encrypted.gateway, "alice"), Event()
    pids = [encrypted.pid(name) for name in ("api-gateway", "link-manager")]

    def work() -> int:
        requests = 0
        while not stop.is_set():
            alice.links()  # raises if it is refused
            requests += 1
        return requests

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            old = str(secrets_of(encrypted, "api-gateway")["link-manager"])
            for tokens in ([old, "renewed"], ["renewed", old], ["renewed"]):
                for name, peer in (
                    ("link-manager", "api-gateway"),
                    ("api-gateway", "link-manager"),
                ):
                    change(encrypted, name, peer, tokens)
        finally:
            stop.set()
        assert working.result() > 0
    assert pids == [encrypted.pid(name) for name in ("api-gateway", "link-manager")]
    assert secrets_of(encrypted, "link-manager")["api-gateway"] == ["renewed"]


def secrets_of(stack: Stack, name: str) -> dict[str, Any]:
    file = stack.folder / "secrets" / f"mutual-auth-{name}.yaml"
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def change(stack: Stack, name: str, peer: str, tokens: list[str]) -> None:
    """Changes a file, and waits until the service has read it."""
    before = reloads(stack, name)
    file = stack.folder / "secrets" / f"mutual-auth-{name}.yaml"
    file.write_text(json.dumps({**secrets_of(stack, name), peer: tokens}))
    wait_until(lambda: reloads(stack, name) > before, timeout=10)


def reloads(stack: Stack, name: str) -> float:
    text = stack.management(name, "serve", "/metrics").text
    pattern = r'delinkcious_file_reloads_total\{name="mutual-auth",outcome="ok"\} (\S+)'
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0
