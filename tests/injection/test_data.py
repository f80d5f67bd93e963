"""What is not refused is kept as it was sent, whatever it looks like."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from api_gateway.app import Managers
from delinkcious.object_model.links import NewLink
from tests.fuzz import apis
from tests.injection.attack import URL
from tests.injection.corpus import Payload, payloads

pytestmark = pytest.mark.integration


@pytest.fixture
def client(over: Managers) -> FlaskClient:
    """Somebody with a link."""
    api = apis.gateway(over)
    client = api.app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = api.sign("")["Authorization"]
    over.links.add_link("visitor-1", NewLink(URL))
    return client


def is_text(payload: Payload) -> bool:
    try:
        payload.raw.decode()
    except UnicodeDecodeError:
        return False
    return payload.json is ...


def test_titles_and_descriptions_come_back_as_they_were_sent(client: FlaskClient) -> None:
    kept = 0
    for payload in filter(is_text, payloads()):
        said = {"title": payload.text, "description": payload.text}
        answer = client.put("/v1/links", json={"url": URL, **said})
        if answer.status_code == 200:
            kept += 1
            (link,) = _links(client)
            assert {name: link[name] for name in said} == said
        else:
            assert answer.status_code == 400
            assert "\0" in payload.text or len(payload.text) > 500, payload
    assert kept > 150


def test_tags_are_found_by_what_they_were_made_of(client: FlaskClient) -> None:
    found = 0
    for payload in filter(is_text, payloads()):
        added = client.put("/v1/links", json={"url": URL, "add_tags": [payload.text]})
        if added.status_code == 200:
            found += 1
            assert [link["url"] for link in _links(client, tag=payload.text)] == [URL], payload
            client.put("/v1/links", json={"url": URL, "remove_tags": [payload.text]})
    assert found > 100


def _links(client: FlaskClient, **query: str) -> list[dict[str, Any]]:
    answer = client.get("/v1/links", query_string=query)
    assert answer.status_code == 200, answer.text
    links: list[dict[str, Any]] = answer.get_json()["links"]
    return links
