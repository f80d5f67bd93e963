"""The OpenAPI document: complete, well-formed, and true to what the gateway answers."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from api_gateway.app import Managers, create_gateway_app
from api_gateway.cookies import LoginCookie
from api_gateway.examples import EXAMPLES
from api_gateway.policy import Who, policy_of
from api_gateway.sessions import Sessions
from api_gateway.testing import Caller, NoProvider
from delinkcious.http.app import RestApp
from delinkcious.http.openapi import operations

URL = "https://www.python.org/"
NOT_IN_IT = {"openapi.spec", "show_docs", "go_to_docs"}
JSON_ALONE = {"changeLinks"}
"""What has lists of numbers and switches in its body."""
FILES = {"startImport"}
"""What has a file for its body."""


@pytest.fixture(scope="module")
def document() -> Any:
    nobody: Any = None
    managers = Managers(*[nobody] * 7)
    sessions = Sessions(nobody, seconds=5, size=1)
    app = create_gateway_app(managers, sessions, NoProvider(), LoginCookie("k" * 32))
    response = app.test_client().get("/openapi.json")
    assert (response.status_code, response.content_type) == (200, "application/json")
    return response.json


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def schemas(document: Any) -> Iterator[Any]:
    yield from document["components"]["schemas"].values()
    for _, _, operation in operations(document):
        yield from (parameter["schema"] for parameter in operation["parameters"])


def validator(document: Any, schema: Any) -> Any:
    return Draft202012Validator({**schema, "components": document["components"]})


def test_it_says_what_it_is(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    assert set(document["info"]) == {"title", "version", "description", "license"}


def test_every_endpoint_is_in_it(app: RestApp, document: Any) -> None:
    documented = {(path, method) for path, method, _ in operations(document)}
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in NOT_IN_IT
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert documented == served


def test_every_reference_leads_somewhere(document: Any) -> None:
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def test_every_schema_is_a_schema(document: Any) -> None:
    for schema in schemas(document):
        Draft202012Validator.check_schema(schema)


def test_every_call_is_described(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in document["tags"]}
    for _, _, operation in operations(document):
        assert operation["summary"]
        assert set(operation["tags"]) <= tags
        for answer in operation["responses"].values():
            assert answer["description"]
            assert answer["description"] != "Successful response"


def test_path_parameters_are_declared_and_required(document: Any) -> None:
    for path, _, operation in operations(document):
        declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))
        assert all(p["required"] for p in operation["parameters"] if p["in"] == "path")


def test_every_error_is_a_problem_document(document: Any) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for _, _, operation in operations(document):
        assert "422" not in operation["responses"]
        for status, answer in operation["responses"].items():
            assert status < "400" or answer["content"] == problem


def test_security_is_what_the_views_declare(app: RestApp, document: Any) -> None:
    for path, method, operation in operations(document):
        adapter = app.url_map.bind("localhost")
        endpoint, _ = adapter.match(re.sub(r"{\w+}", "1", path), method=method.upper())
        policy = policy_of(app.view_functions[endpoint])
        assert policy is not None
        if policy.who is Who.ANYBODY:
            assert operation["security"] == []
            continue
        scopes = sorted(policy.scopes)
        proof: dict[str, Any] = {} if method == "get" else {"requestedWith": []}
        assert operation["security"] == [
            {"bearer": scopes},
            {"accessToken": scopes},
            *([{"session": []} | proof] if policy.cookie else []),
        ]
        assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]
        assert ("403" in operation["responses"]) == bool(scopes or (policy.cookie and proof))


def test_most_bodies_may_be_json_or_forms_or_the_query(document: Any) -> None:
    for _, _, operation in operations(document):
        if (body := operation.get("requestBody")) and operation["operationId"] not in FILES:
            form = {"application/x-www-form-urlencoded"}
            if operation["operationId"] in JSON_ALONE:
                form = set()
            assert set(body["content"]) == {"application/json"} | form
            assert body["required"] is True
            assert ("query" in body.get("description", "")) == bool(form)
            assert {"400", "408", "413", "415"} <= set(operation["responses"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_fits_its_schema(document: Any, name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}"}
    validator(document, schema).validate(EXAMPLES[name])


def test_everything_sent_or_answered_as_a_whole_has_an_example(document: Any) -> None:
    for _, _, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for body in bodies for content in body.get("content", {}).values()):
            if reference := content["schema"].get("$ref"):
                assert reference.rpartition("/")[2] in EXAMPLES


DELETION = "how far a deletion is"
SECRET_ADDRESS = "the secret address of a feed"
LINK = {"json": {"url": URL, "tags": ["a"]}}
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/v1/me", {}),
    ("GET", "/v1/csrf", {}),
    ("POST", "/v1/links", LINK),
    ("POST", "/v1/links", LINK),
    ("POST", "/v1/links", {"json": {}}),
    ("POST", "/v1/links", {"data": b"x" * 1_100_000, "content_type": "application/json"}),
    ("POST", "/v1/links", {"data": b"x", "content_type": "text/plain"}),
    ("GET", "/v1/links", {}),
    ("GET", "/v1/links?page_size=0", {}),
    ("PUT", "/v1/links", {"json": {"url": URL, "title": "t"}}),
    ("PUT", "/v1/links", {"json": {"url": "https://b.example/"}}),
    ("GET", "/v1/links?q=python OR site:python.org&sort=title&order=desc", {}),
    ("GET", "/v1/links?q=(", {}),
    ("GET", f"/v1/links/lookup?url={URL}", {}),
    ("GET", "/v1/links/lookup?url=https://b.example/", {}),
    ("GET", "/v1/links/lookup", {}),
    ("GET", "/v1/changes", {}),
    ("GET", "/v1/changes?since=nonsense", {}),
    ("POST", "/v1/links/bulk", {"json": {"q": "#a", "visibility": "private", "check": True}}),
    ("POST", "/v1/links/bulk", {"json": {"q": "#a"}}),
    ("POST", "/v1/links/bulk", {"data": {"q": "#a"}}),
    ("POST", "/v1/links/check", {"json": {"url": URL}}),
    ("POST", "/v1/links/check", {"json": {}}),
    ("POST", "/v1/links/check", {"json": {"url": "https://b.example/"}}),
    ("GET", "/v1/tags", {}),
    ("PUT", "/v1/tags/a", {"json": {"name": "b"}}),
    ("PUT", "/v1/tags/b", {"json": {}}),
    ("PUT", "/v1/tags/a", {"json": {"name": "b"}}),
    ("DELETE", "/v1/tags/b", {}),
    ("DELETE", "/v1/tags/b", {}),
    ("POST", "/v1/imports", {"data": b"<DL>", "content_type": "text/html"}),
    ("POST", "/v1/imports?policy=none", {"data": b"<DL>", "content_type": "text/html"}),
    ("POST", "/v1/imports", {"data": b"<DL>", "headers": {"Content-Encoding": "gzip"}}),
    ("GET", "/v1/imports", {}),
    ("GET", "/v1/imports/1", {}),
    ("GET", "/v1/imports/2", {}),
    ("DELETE", "/v1/imports/1", {}),
    ("DELETE", "/v1/imports/2", {}),
    ("GET", "/v1/export", {}),
    ("GET", "/v1/export?format=html", {}),
    ("GET", "/v1/export?format=csv&q=tag:a", {}),
    ("GET", "/v1/export?q=(", {}),
    ("GET", "/v1/users/alice/links", {}),
    ("GET", "/v1/users/nobody/links", {}),
    ("POST", "/v1/following", {"json": {"username": "bob"}}),
    ("POST", "/v1/following", {"json": {"username": "bob"}}),
    ("POST", "/v1/following", {"json": {"username": "nobody"}}),
    ("GET", "/v1/following", {}),
    ("GET", "/v1/followers", {}),
    ("DELETE", "/v1/following?username=bob", {}),
    ("DELETE", "/v1/following?username=bob", {}),
    ("GET", "/v1/news", {}),
    ("GET", "/v1/news/stream", {}),
    ("GET", "/v1/news/stream", {"headers": {"Last-Event-ID": "x"}}),
    ("GET", "/v1/users/alice/links.atom", {}),
    ("GET", "/v1/users/alice/links.atom", {"headers": {"If-None-Match": "*"}}),
    ("GET", "/v1/users/alice/links.atom?tag=a%00", {}),
    ("GET", "/v1/users/nobody/links.atom", {}),
    ("DELETE", "/v1/news/feed", {}),
    ("POST", "/v1/news/feed", {}),
    ("GET", "/v1/news/feed", {}),
    ("GET", SECRET_ADDRESS, {}),
    ("DELETE", "/v1/news/feed", {}),
    ("GET", SECRET_ADDRESS, {}),
    ("POST", "/v1/tokens", {"json": {"name": "t"}}),
    ("POST", "/v1/tokens", {"json": {"name": "t"}}),
    ("GET", "/v1/tokens", {}),
    ("DELETE", "/v1/tokens/1", {}),
    ("DELETE", "/v1/tokens/1", {}),
    ("DELETE", "/v1/tokens", {}),
    ("GET", "/v1/sessions", {}),
    ("DELETE", "/v1/sessions/77", {}),
    ("DELETE", "/v1/sessions?keep_current=true", {}),
    ("DELETE", "/v1/sessions?keep_current=perhaps", {}),
    ("DELETE", f"/v1/links?url={URL}", {}),
    ("DELETE", f"/v1/links?url={URL}", {}),
    ("GET", "/v1/changes", {}),
    ("GET", "/login/authorized", {}),
    ("GET", "/login/authorized?state=x", {}),
    ("POST", "/logout", {}),
    ("POST", "/logout", {}),
]
LAST_CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/v1/me/audit", {}),
    ("GET", "/v1/me/audit?start_token=x", {}),
    ("GET", "/v1/me/export", {}),
    ("DELETE", "/v1/me", {}),
    ("DELETE", "/v1/me", {"json": {"username": "alice"}}),
    ("DELETE", "/v1/me", {"json": {"username": "bob"}}),
    ("GET", "/v1/me", {}),
    ("GET", "/v1/deletions/x", {}),
    ("GET", DELETION, {}),
]


def operation_for(app: RestApp, document: Any, method: str, path: str) -> Any:
    rule, _ = app.url_map.bind("localhost").match(
        path.partition("?")[0], method=method, return_rule=True
    )
    template = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    return document["paths"][template][method.lower()]


def check(document: Any, operation: Any, response: TestResponse) -> None:
    """Holds an answer against what the document says of it."""
    answer = operation["responses"][str(response.status_code)]
    if not answer.get("content"):
        assert response.data == b""
        return
    content = answer["content"][response.content_type]
    value = response.json if response.is_json else response.text
    validator(document, content["schema"]).validate(value)


def test_what_is_answered_is_what_it_says(
    app: RestApp, document: Any, alice: Caller, bob: Caller, caller: Callable[[str], Caller]
) -> None:
    seen = set()
    feed = ""
    carol = caller("carol")
    calls = [
        *((alice, *call) for call in CALLS),
        *((bob, *call) for call in LAST_CALLS),
        (carol, "DELETE", "/v1/sessions/3", {}),
    ]
    deletion = ""
    for who, method, template, options in calls:
        path = template.replace(SECRET_ADDRESS, feed).replace(DELETION, deletion)
        response = who.call(method, path, **options)
        operation = operation_for(app, document, method, path)
        check(document, operation, response)
        if operation["operationId"] == "createNewsFeed" and response.json:
            feed = urlsplit(response.json["url"]).path
        if operation["operationId"] == "deleteMe":
            deletion = response.headers.get("Location", "")
        seen.add((operation["operationId"], str(response.status_code)))
    good = {
        (operation["operationId"], status)
        for _, _, operation in operations(document)
        for status in operation["responses"]
        if status < "300" and operation["operationId"] != "finishLogin"
    }
    assert good <= seen
