"""Every call between services is declared, answered for its callers alone, and written down."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from api_gateway.testing import Failing
from delinkcious.auth import CALLER_TOKEN_HEADER
from delinkcious.errors import Unavailable
from delinkcious.http.app import RestApp
from delinkcious.http.slots import Slots
from delinkcious.news.v1 import news_pb2
from delinkcious.testing.peers import auth_for, calling_as, token_of
from delinkcious.testing.serving_grpc import serving_grpc
from link_checker.http import create_function_app
from link_service.http import create_link_app
from link_service.transfers import add_transfers
from news_service.grpc import news_grpc_service
from social_graph_service.http import create_social_graph_app
from tools.local_stack.layout import (
    API_GATEWAY,
    LINK,
    LINK_CHECKER,
    NEWS,
    SOCIAL_GRAPH,
    TALKS_WITH,
    USER,
    Service,
)
from tools.who_calls_what import INTERNAL, PAGE, callers_of, page, pairs
from user_service.audit_http import add_audit
from user_service.http import create_user_app

SERVICES = Path(__file__).parents[3] / "services"
PEERS = [API_GATEWAY.name, *(service.name for service in INTERNAL)]
REST = [LINK, SOCIAL_GRAPH, USER, LINK_CHECKER]


def app_of(service: Service) -> RestApp:
    """What a service serves, on managers that are away."""
    nothing: Any = Failing(Unavailable("It is away."))
    auth = auth_for(*PEERS)
    if service is LINK:
        app = create_link_app(nothing, auth)
        add_transfers(app, nothing, Slots(1, 1))
        return app
    if service is USER:
        app = create_user_app(nothing, auth)
        add_audit(app, nothing)
        return app
    if service is SOCIAL_GRAPH:
        return create_social_graph_app(nothing, auth)
    return create_function_app(nothing, auth)


def calls_of(app: RestApp) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield f"{method} {rule.rule}"


def test_every_service_but_the_gateway_has_a_table() -> None:
    """A new service cannot be forgotten here."""
    packages = {file.parent.name for file in SERVICES.glob("*/*/__main__.py")}
    tables = {file.parent.name for file in SERVICES.glob("*/*/callers.py")}
    assert tables == packages - {API_GATEWAY.module} == {service.module for service in INTERNAL}


@pytest.mark.parametrize("service", REST, ids=lambda service: service.name)
def test_every_route_is_declared_and_nothing_else_is(service: Service) -> None:
    assert set(calls_of(app_of(service))) == set(callers_of(service))


def test_every_grpc_method_is_declared_and_nothing_else_is() -> None:
    nothing: Any = None
    service = news_grpc_service(nothing)
    (described,) = news_pb2.DESCRIPTOR.services_by_name.values()
    assert service.name == described.full_name
    assert service.callers == callers_of(NEWS)
    assert {method.name for method in described.methods} == set(callers_of(NEWS))


@pytest.mark.parametrize("service", REST, ids=lambda service: service.name)
def test_a_call_is_for_its_callers_alone(service: Service) -> None:
    http = app_of(service).test_client()
    for call, callers in callers_of(service).items():
        method, path = re.sub("<[^>]+>", "1", call).split()
        assert http.open(path, method=method).status_code == 401, call
        unknown = http.open(path, method=method, headers=calling_as("a stranger"))
        assert unknown.status_code == 401, call
        for peer in PEERS:
            answer = http.open(path, method=method, headers=calling_as(peer))
            assert (answer.status_code == 403) == (peer not in callers), f"{peer}: {call}"
            assert answer.status_code != 401


def test_a_grpc_method_is_for_its_callers_alone() -> None:
    nothing: Any = Failing(Unavailable("It is away."))
    service = news_grpc_service(nothing)
    with (
        serving_grpc(service, auth=auth_for(*PEERS)) as address,
        grpc.insecure_channel(str(address)) as channel,
    ):
        for method, callers in callers_of(NEWS).items():
            call: Any = channel.unary_stream(f"/{service.name}/{method}")  # what answers once, too

            def status(who: str, call: Any = call) -> grpc.StatusCode:
                token = (CALLER_TOKEN_HEADER.lower(), token_of(who))
                with pytest.raises(grpc.RpcError) as refused:
                    list(call(b"", metadata=[token], timeout=5))
                found: grpc.StatusCode = refused.value.code()
                return found

            assert status("a stranger") is grpc.StatusCode.UNAUTHENTICATED
            denied = {who for who in PEERS if status(who) is grpc.StatusCode.PERMISSION_DENIED}
            assert denied == set(PEERS) - set(callers), method


def test_every_call_has_a_caller_and_those_share_a_secret() -> None:
    for service in INTERNAL:
        for call, callers in callers_of(service).items():
            assert callers, f"nobody may call {call} of {service.name}"
            assert set(callers) <= set(PEERS) - {service.name}
    assert pairs() == set(TALKS_WITH)


def test_the_page_says_what_the_code_says() -> None:
    """If not: ``python -m tools.who_calls_what``."""
    assert PAGE.read_text(encoding="utf-8") == page()
