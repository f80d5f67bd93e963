"""Each REST API, tried with requests that are made up from its OpenAPI document."""

from collections.abc import Iterator

import pytest

from delinkcious.http.openapi import operations
from delinkcious.testing.databases import Databases
from tests.fuzz import apis
from tests.fuzz.apis import Api
from tests.fuzz.explore import document_of, explore
from tests.support.platform import Stores, managers, stores

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SEED = 1
EXAMPLES = 3
"""Requests of chance for each call, besides the many that follow from its parameters."""

NEVER_ACCEPTED = {
    "GET /login/authorized": "GitHub sends nobody back",
    "GET /v1/news/feeds/{secret}.atom": "no secret can be guessed",
    "POST /feed_secret/owner": "likewise",
    "GET /imports/{number}": "no number of an import, session or token is",
    "DELETE /imports/{number}": "likewise",
    "DELETE /sessions/{session_id}": "likewise",
    "DELETE /tokens/{token_id}": "likewise",
}


@pytest.fixture
def opened(session_databases: Databases) -> Iterator[Stores]:
    with stores(session_databases) as opened:
        yield opened


@pytest.fixture
def api(request: pytest.FixtureRequest, opened: Stores) -> Api:
    if request.param == "gateway":
        return apis.gateway(managers(opened))
    return apis.service(request.param, opened)


@pytest.mark.parametrize("api", apis.NAMES, indirect=True)
def test_every_request_is_answered_as_the_document_says(api: Api) -> None:
    report = explore(api, examples=EXAMPLES, seed=SEED)
    assert not report.faults, "\n\n".join(report.faults)
    assert report.server_errors == 0
    calls = {f"{method.upper()} {path}" for path, method, _ in operations(document_of(api))}
    assert calls - report.accepted <= set(NEVER_ACCEPTED), "nothing was tried there"
