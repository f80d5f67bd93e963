"""HTTP between services over mutual TLS: the real server as a process, and the real client."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from threading import Event

import pycurl
import pytest
import requests

from delinkcious.config import Address, TlsFiles
from delinkcious.errors import Unavailable
from delinkcious.http.client import HttpClient
from delinkcious.policy import Policy
from delinkcious.testing.certificates import LOOPBACK, Authority, tls_settings
from delinkcious.testing.process import HOST, ServiceProcess
from delinkcious.testing.waiting import wait_until
from delinkcious.tls import tls

pytestmark = pytest.mark.integration

PEER = "link-manager"
PATIENT = Policy(connect_timeout=10, timeout=10)
ONCE = replace(PATIENT, attempts=1, breaker_failures=1000)

SERVICE = dedent("""
    from typing import ClassVar

    from delinkcious.config import ServiceSettings
    from delinkcious.http.app import create_app, json_response, stream_response
    from delinkcious.service import run


    class Settings(ServiceSettings):
        service_name: ClassVar[str] = "link-manager"


    def broken():
        yield b"x" * 100_000
        raise ValueError("the middle")


    def serve(runtime):
        app = create_app("link-manager", title="Probe", version="1", auth=None)

        @app.get("/")
        def root():
            return json_response({})

        @app.get("/whole")
        def give_all():
            return stream_response(iter([b"x" * 100_000]), "text/plain")

        @app.get("/broken")
        def break_off():
            return stream_response(broken(), "text/plain")

        runtime.serve_http(app, threads=4)


    if __name__ == "__main__":
        run(Settings, roles={"serve": serve})
""")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def caller(authority: Authority) -> TlsFiles:
    return authority.issue("api-gateway")


@pytest.fixture(scope="module")
def service(folder: Path, authority: Authority) -> Iterator[ServiceProcess]:
    """A service that has a certificate, and answers only those who have one."""
    (folder / "tls_probe.py").write_text(SERVICE)
    files = authority.issue(PEER, *LOOPBACK)
    settings = {
        "PYTHONPATH": str(folder),
        "DELINKCIOUS_MUTUAL_AUTH": "false",
        "MANAGEMENT_TLS": "true",
        **tls_settings(files),
    }
    with ServiceProcess("tls_probe", "serve", settings) as process:
        wait_until(lambda: asked(process, files) == "ready", timeout=30)
        yield process


def asked(service: ServiceProcess, files: TlsFiles) -> str:
    """Returns what a platform is told, which has no certificate."""
    url = f"https://{HOST}:{service.management_port}/readiness"
    try:
        return str(requests.get(url, verify=str(files.ca), timeout=5).json()["status"])
    except requests.ConnectionError:
        return ""


def test_the_management_port_may_be_encrypted_too(
    service: ServiceProcess, caller: TlsFiles
) -> None:
    silent = [socket.create_connection((HOST, service.management_port)) for _ in range(5)]
    assert service.management("/healthz") == b""
    assert asked(service, caller) == "ready"
    for each in silent:
        each.close()


def calling(service: ServiceProcess, files: TlsFiles | None, peer: str = PEER) -> HttpClient:
    return HttpClient(peer, Address(HOST, service.port), policy=ONCE, tls=tls(files))


def why_not(client: HttpClient) -> str:
    """Returns what readiness says of a peer that does not let us in."""
    with pytest.raises(Unavailable):
        client.get("/")
    with pytest.raises(Unavailable) as caught:
        client.check()
    return str(caught.value)


def test_services_that_have_certificates_of_their_ca_understand_each_other(
    service: ServiceProcess, caller: TlsFiles
) -> None:
    client = calling(service, caller)
    client.check()
    assert client.get("/").json() == {}


def test_a_plain_caller_is_refused(service: ServiceProcess) -> None:
    with pytest.raises(Unavailable):
        calling(service, None).get("/")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{HOST}:{service.port}/", timeout=5)


def test_a_caller_without_a_certificate_is_refused(
    service: ServiceProcess, caller: TlsFiles
) -> None:
    with pytest.raises(requests.ConnectionError, match="CERTIFICATE_REQUIRED"):
        requests.get(f"https://{HOST}:{service.port}/", verify=str(caller.ca), timeout=5)


def test_a_caller_with_a_certificate_of_another_ca_is_refused(
    service: ServiceProcess, authority: Authority, tmp_path: Path
) -> None:
    strange = Authority(tmp_path).issue("api-gateway")
    with pytest.raises(Unavailable):
        calling(service, TlsFiles(authority.certificate, strange.cert, strange.key)).get("/")


def test_a_peer_of_another_ca_is_not_told_anything(service: ServiceProcess, tmp_path: Path) -> None:
    said = why_not(calling(service, Authority(tmp_path).issue("api-gateway")))
    assert "certificate" in said


def test_a_member_that_pretends_to_be_another_is_found_out(
    service: ServiceProcess, caller: TlsFiles
) -> None:
    """What counts is the name of the service, not the address at which it is reached."""
    said = why_not(calling(service, caller, peer="user-manager"))
    assert "user-manager" in said


def test_an_older_release_of_tls_is_not_spoken(service: ServiceProcess, caller: TlsFiles) -> None:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"https://{HOST}:{service.port}/")
    curl.setopt(pycurl.CAINFO, str(caller.ca))
    curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2 | pycurl.SSLVERSION_MAX_TLSv1_2)
    with pytest.raises(pycurl.error, match="protocol version"):
        curl.perform()


def test_who_connects_and_says_nothing_holds_up_nobody(
    service: ServiceProcess, caller: TlsFiles
) -> None:
    silent = [socket.create_connection((HOST, service.port)) for _ in range(20)]
    try:
        assert calling(service, caller).get("/").status == 200
    finally:
        for each in silent:
            each.close()


def test_an_answer_that_breaks_off_is_seen_to(service: ServiceProcess, caller: TlsFiles) -> None:
    """Encrypted, a response has other lengths on the wire, by which its connection is found.

    How much of it comes before the connection is reset is chance.
    """
    client = calling(service, caller)
    assert b"".join(client.stream("/whole")) == b"x" * 100_000
    with pytest.raises(Unavailable):
        b"".join(client.stream("/broken"))
    assert not [log for log in service.logs() if log["event"] == "response_not_aborted"]


def test_certificates_are_renewed_at_both_ends_and_no_request_is_lost(
    service: ServiceProcess, authority: Authority, caller: TlsFiles
) -> None:
    current, stop = tls(caller), Event()
    client = HttpClient(PEER, Address(HOST, service.port), policy=PATIENT, tls=current)

    def work(_: int) -> int:
        answers = 0
        while not stop.is_set():
            answers += client.get("/").status == 200
        return answers

    with ThreadPoolExecutor(4) as pool:
        workers = pool.map(work, range(4))
        try:
            before = serial(service, caller)
            authority.issue(PEER, *LOOPBACK)
            authority.issue("api-gateway")
            wait_until(lambda: serial(service, caller) != before, timeout=10)
            wait_until(lambda: taken_over(service), timeout=10)
        finally:
            stop.set()
        assert min(workers) > 0
    assert client.get("/").status == 200


def serial(service: ServiceProcess, caller: TlsFiles) -> str:
    """Returns the number of the certificate that a new connection is shown."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"https://{HOST}:{service.port}/")
    curl.setopt(pycurl.CAINFO, str(caller.ca))
    curl.setopt(pycurl.SSLCERT, str(caller.cert))
    curl.setopt(pycurl.SSLKEY, str(caller.key))
    curl.setopt(pycurl.OPT_CERTINFO, 1)
    curl.setopt(pycurl.WRITEFUNCTION, len)
    curl.perform()
    return str(dict(curl.getinfo(pycurl.INFO_CERTINFO)[0])["Serial Number"])


def taken_over(service: ServiceProcess) -> bool:
    return any(log["event"] == "certificate_renewed" for log in service.logs())
