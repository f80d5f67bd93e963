"""The documentation page, and what every answer tells browsers."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from flask.testing import FlaskClient

from api_gateway.testing import Caller
from delinkcious.http.openapi import operations

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """A page, taken apart; unbalanced tags are an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.headings: list[int] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(str(value))
            if name == "href":
                self.links.append(str(value))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def html(http: FlaskClient) -> str:
    response = http.get("/docs")
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    return response.text


@pytest.fixture
def page(html: str) -> Page:
    return Page(html)


def test_the_root_leads_to_the_page(http: FlaskClient) -> None:
    response = http.get("/")
    assert (response.status_code, response.headers["Location"]) == (302, "/docs")


def test_every_call_is_on_the_page_with_a_curl_command(page: Page, http: FlaskClient) -> None:
    document: Any = http.get("/openapi.json").json
    text = "".join(page.text)
    for path, method, operation in operations(document):
        assert operation["operationId"] in page.ids
        assert path in text
        example = re.sub(r"{\w+}", r"\\S+", path)
        verb = "" if method == "get" else f"-X {method.upper()} "
        assert re.search(rf'curl {verb}"\$URL{example}"', text)


def test_the_page_says_how_a_body_may_be_sent(html: str) -> None:
    for call, encodings in (
        ("changeLinks", "JSON"),
        ("addLink", "JSON, a form, or the same as query parameters"),
    ):
        section = html[html.index(f'aria-labelledby="{call}"') :]
        assert section[section.index("Body: ") :].startswith(f"Body: {encodings}<")


def test_the_page_loads_and_runs_nothing(page: Page) -> None:
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on") or name == "style"]
    assert not [link for link in page.links if not link.startswith(("#", "/"))]


def test_its_policy_allows_its_own_style_and_nothing_else(http: FlaskClient, html: str) -> None:
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = http.get("/docs").headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_links_on_the_page_lead_somewhere(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert not link.startswith("#") or link[1:] in page.ids


def test_the_page_can_be_read_by_those_who_do_not_see_it(html: str, page: Page) -> None:
    assert '<html lang="en">' in html
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(page.headings))
    assert html.count("<table") == html.count("<thead")
    assert not re.search(r"<th(?![^>]*scope=)[ >]", html)


def test_the_page_and_the_document_may_be_kept_for_a_while(http: FlaskClient) -> None:
    assert http.get("/docs").headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/nothing", "/v1/me", "/login"])
def test_every_answer_is_what_it_says_and_tells_no_one_where_it_came_from(
    http: FlaskClient, path: str
) -> None:
    headers = http.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_private_answers_are_not_kept(alice: Caller) -> None:
    assert alice.get("/v1/links").headers["Cache-Control"] == "no-store"
