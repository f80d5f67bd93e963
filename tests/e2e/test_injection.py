"""The real server: what is no HTTP, or two requests in one, and the corpus through the platform."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest
import requests

from tests.injection.attack import GOOD
from tests.injection.corpus import Payload, one_of_each_kind
from tests.injection.places import Place, Request, places
from tests.support.api import Api
from tests.support.stack import Stack

SECONDS = 5
NOTHING_MORE = 0.5
_CONTROLS = {chr(code) for code in (*range(32), 127)}
HOST = b"Host: localhost\r\nConnection: close\r\n"
GET = b"GET /openapi.json HTTP/1.1\r\n" + HOST
POST = b"POST /v1/links HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
TWO = b"POST /v1/links HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

NO_HTTP = {
    "nothing": b"\r\n\r\n",
    "a request of 1991": b"GET /docs\r\n\r\n",
    "another version": b"GET /docs HTTP/9.9\r\n" + HOST + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a greeting of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600),
    "no host": b"GET /docs HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /docs HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n",
    "a host that is none": b"GET /login HTTP/1.1\r\nHost: a b@c/d\r\n\r\n",
    "no method": b" /docs HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method with a NUL": b"G\0T /docs HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space in the path": b"GET /docs /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "a NUL in the path": b"GET /docs\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a byte in the path": b"GET /docs\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "an encoded NUL": b"GET /docs%00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "half an encoding": b"GET /docs%c HTTP/1.1\r\n" + HOST + b"\r\n",
    "encoded dots": b"GET /v1/users/%2e%2e/%2e%2e/links HTTP/1.1\r\n" + HOST + b"\r\n",
    "slashes": b"GET //v1///links HTTP/1.1\r\n" + HOST + b"\r\n",
    "a backslash": b"GET /v1\\..\\links HTTP/1.1\r\n" + HOST + b"\r\n",
    "another site": b"GET http://evil.example/v1/links HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:5432 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a trace": b"TRACE /docs HTTP/1.1\r\n" + HOST + b"Cookie: session=not-to-be-told\r\n\r\n",
    "all of it": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "line feeds alone": b"GET /docs HTTP/1.1\nHost: localhost\n\n",
    "a bare return": GET + b"X: a\rX-Injected: yes\r\n\r\n",
    "a NUL in a header": GET + b"X: a\0b\r\n\r\n",
    "a space before the colon": GET + b"Authorization : Bearer x\r\n\r\n",
    "a folded header": GET + b"X: a\r\n X-Injected: yes\r\n\r\n",
    "a header without a colon": GET + b"nothing\r\n\r\n",
    "a header without a name": GET + b": a\r\n\r\n",
    "a long header": GET + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    "many headers": GET + b"".join(b"X-%d: a\r\n" % n for n in range(2000)) + b"\r\n",
    "a long address": b"GET /docs?" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "line breaks on the way back": b"GET /login?next=/%0d%0aX-Injected:%20yes HTTP/1.1\r\n"
    + HOST
    + b"\r\n",
    "a length that is none": POST + b"Content-Length: 1x\r\n\r\n{",
    "a length below zero": POST + b"Content-Length: -1\r\n\r\n{}",
    "a length without end": POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}",
    "an encoding that is none": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "a chunk without end": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}",
    "an expectation": POST + b"Expect: miracles\r\nContent-Length: 2\r\n\r\n{}",
    "an upgrade": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
}  # fmt: skip

TWO_IN_ONE = {
    "two lengths": TWO + b"Content-Length: 0\r\nContent-Length: 60\r\n\r\n" + SMUGGLED,
    "a list of lengths": TWO + b"Content-Length: 0, 60\r\n\r\n" + SMUGGLED,
    "a length and chunks": TWO
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "chunks hidden behind a space": TWO
    + b"Content-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "chunks of a kind": TWO
    + b"Content-Length: 5\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "chunks twice": TWO
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
}


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    """What mallory may do, mallory may do all the time."""
    mallory = Api.login(stack.gateway, "mallory")
    return str(mallory.call("POST", "/v1/tokens", json={"name": "attack"})["token"])


def by(token: str, sent: bytes) -> bytes:
    """The same, sent by somebody who may come as far as the body."""
    host = b"Host: localhost\r\n"
    return sent.replace(host, host + b"Authorization: Bearer %s\r\n" % token.encode(), 1)


def exchange(stack: Stack, sent: bytes) -> bytes:
    """Everything that the gateway answers to some bytes, until it ends, or says nothing more."""
    address = urlsplit(stack.gateway)
    received = b""
    with socket.create_connection((address.hostname, address.port), SECONDS) as connection:
        with suppress(OSError):  # it need not take all of it
            connection.sendall(sent)
        connection.settimeout(NOTHING_MORE)
        with suppress(OSError):
            while chunk := connection.recv(65536):
                received += chunk
    return received


def statuses(received: bytes) -> list[int]:
    lines = [line for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.")]
    return [int(line.split(b" ")[1]) for line in lines]


@pytest.mark.parametrize("sent", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_good_http_is_refused_or_cut_off(stack: Stack, token: str, sent: bytes) -> None:
    received = exchange(stack, by(token, sent))
    assert all(status < 500 for status in statuses(received)), received[:300]
    assert b"X-Injected" not in received.partition(b"\r\n\r\n")[0]
    assert b"not-to-be-told" not in received
    assert b"Traceback" not in received


@pytest.mark.parametrize("sent", TWO_IN_ONE.values(), ids=TWO_IN_ONE)
def test_of_two_requests_in_one_the_second_is_not_answered(
    stack: Stack, token: str, sent: bytes
) -> None:
    """A proxy in front might take them for one, and hand the answer to somebody else."""
    received = exchange(stack, by(token, sent))
    assert len(statuses(received)) <= 1, received[:500]
    assert all(400 <= status < 500 for status in statuses(received))


@pytest.fixture
def connection(stack: Stack) -> Iterator[http.client.HTTPConnection]:
    address = urlsplit(stack.gateway)
    opened = http.client.HTTPConnection(address.hostname or "", address.port, timeout=SECONDS)
    with closing(opened):
        yield opened


def send(connection: http.client.HTTPConnection, request: Request, token: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}", **request.headers}
    target = f"{request.path}?{request.query}" if request.query else request.path
    connection.putrequest(
        request.method, target, skip_host="Host" in headers, skip_accept_encoding=True
    )
    for name, value in headers.items():
        connection.putheader(name, value.encode("latin-1"))
    if request.body is not None:
        connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders(request.body)
    with connection.getresponse() as answer:  # one that says no length may not end either
        return answer.status, answer.read(100) if answer.length else b""


def _sendable(place: Place, payload: Payload) -> Request | None:
    """The request, unless a client of HTTP cannot send it."""
    request = place.request(payload)
    if request is None or any(set(value) & _CONTROLS for value in request.headers.values()):
        return None
    return request


def test_the_whole_platform_refuses_the_corpus_or_takes_it_as_data(
    stack: Stack, connection: http.client.HTTPConnection, token: str
) -> None:
    """Something in each parameter: with the real server, and libcurl on the way to services."""
    document = requests.get(f"{stack.gateway}/openapi.json", timeout=SECONDS).json()
    seen = []
    for number, place in enumerate(places(document, GOOD)):
        kinds = one_of_each_kind(number)
        request = _sendable(place, kinds[number % len(kinds)])
        if request is not None:
            status, begin = send(connection, request, token)
            assert status < 500, (str(place), status, begin)
            seen.append(status)
        connection.close()
    assert len(seen) > 80
    assert len([status for status in seen if status < 400]) > 10
