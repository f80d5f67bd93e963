"""The REST calls of imports and exports, on Postgres."""

from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from delinkcious.database import Database
from delinkcious.http.slots import Slots
from delinkcious.object_model.links import NewLink
from delinkcious.testing.peers import auth_for, calling_as
from link_service.http import create_link_app
from link_service.imports.manager import ImportManager
from link_service.imports.store import PostgresImportStore
from link_service.imports.worker import ImportWorker
from link_service.manager import LinkManager
from link_service.postgres import PostgresLinkStore
from link_service.transfers import add_transfers

pytestmark = pytest.mark.integration

GATEWAY = calling_as("api-gateway")
CSV = b"url,title\nhttp://a.example/,A\n"


@pytest.fixture
def links(database: Database) -> LinkManager:
    return LinkManager(PostgresLinkStore(database), 100)


@pytest.fixture
def http(database: Database, links: LinkManager) -> FlaskClient:
    app = create_link_app(links, auth_for("api-gateway", "news-manager"))
    store = PostgresImportStore(database, 100)
    add_transfers(app, ImportManager(store, PostgresLinkStore(database)), Slots(2, 1))
    return app.test_client()


def start(http: FlaskClient, content: bytes = CSV, **query: str) -> dict[str, Any]:
    answer = http.post(
        "/imports",
        query_string={"username": "alice", **query},
        data=content,
        content_type="text/csv",
        headers=GATEWAY,
    )
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json or {}
    return job


def read(http: FlaskClient, path: str, **query: str) -> Any:
    return http.get(path, query_string={"username": "alice", **query}, headers=GATEWAY)


def test_a_file_is_taken_and_imported_later(http: FlaskClient, database: Database) -> None:
    job = start(http, policy="skip")
    assert (job["status"], job["format"], job["policy"]) == ("queued", "csv", "skip")
    ImportWorker(PostgresImportStore(database, 100))._import_next()
    done = read(http, f"/imports/{job['id']}").json
    assert (done["status"], done["progress"], done["added"]) == ("done", 1, 1)
    assert read(http, "/imports").json == {"imports": [done], "next_page_token": None}


def test_a_form_is_read_too(http: FlaskClient) -> None:
    answer = http.post(
        "/imports",
        query_string={"username": "alice"},
        data={"file": (BytesIO(CSV), "links.csv")},
        headers=GATEWAY,
    )
    assert answer.status_code == 202, answer.text


def test_an_import_is_cancelled(http: FlaskClient) -> None:
    path = f"/imports/{start(http)['id']}"
    answer = http.delete(path, query_string={"username": "alice"}, headers=GATEWAY)
    assert (answer.status_code, (answer.json or {})["status"]) == (200, "cancelled")


@pytest.mark.parametrize("path", ["/imports/1", "/imports/99999999999999999999"])
def test_an_import_that_is_not_there_is_not_found(http: FlaskClient, path: str) -> None:
    assert read(http, path).status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"policy": "maybe"}, "policy"),
        ({"format": "xml"}, "format"),
        ({"username": ""}, "username"),
    ],
)
def test_wrong_parameters_are_named(http: FlaskClient, query: dict[str, str], field: str) -> None:
    answer = http.post(
        "/imports", query_string={"username": "alice", **query}, data=CSV, headers=GATEWAY
    )
    assert answer.status_code == 400
    assert [error["field"] for error in (answer.json or {})["errors"]] == [field]


@pytest.mark.parametrize("call", ["/imports", "/imports/1", "/export"])
def test_only_the_gateway_may_call(http: FlaskClient, call: str) -> None:
    query = {"username": "alice"}
    assert http.get(call, query_string=query).status_code == 401
    news = calling_as("news-manager")
    assert http.get(call, query_string=query, headers=news).status_code == 403


@pytest.mark.parametrize(
    ("form", "content_type"),
    [("html", "text/html; charset=utf-8"), ("json", "application/json"),
     ("csv", "text/csv; charset=utf-8")],
)  # fmt: skip
def test_an_export_says_of_what_type_it_is(
    http: FlaskClient, links: LinkManager, form: str, content_type: str
) -> None:
    links.add_link("alice", NewLink("http://a.example/"))
    answer = read(http, "/export", format=form)
    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert b"http://a.example/" in answer.data


def test_an_export_of_a_wrong_query_is_refused(http: FlaskClient) -> None:
    answer = read(http, "/export", q="(")
    assert answer.status_code == 400
    assert answer.json["errors"][0]["field"] == "q"
