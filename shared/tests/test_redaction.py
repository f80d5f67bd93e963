"""What is taken out of texts, and what stays in them."""

import base64
import itertools
import json
import secrets
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delinkcious import redaction
from delinkcious.redaction import REDACTED, clean, keep, scrub


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process was given is the process's, and not the test's."""
    monkeypatch.setattr(redaction._Kept, "secrets", ())
    monkeypatch.setattr(redaction._Kept, "longest_first", ())


TOKEN = secrets.token_urlsafe(32)
BASIC = base64.b64encode(f"alice:{TOKEN}".encode()).decode()
PEM = f"-----BEGIN EC PRIVATE KEY-----\n{TOKEN.replace('-', '+')}==\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (f"dls_{TOKEN}", f"dls_{REDACTED}"),
        (f"no such token: dlt_{TOKEN}.", f"no such token: dlt_{REDACTED}."),
        (f"GET /v1/news/feeds/dlf_{TOKEN}.atom", f"GET /v1/news/feeds/dlf_{REDACTED}.atom"),
        (f"gho_{'a1' * 18}", f"gho_{REDACTED}"),
        (f"github_pat_{'a1' * 18}", f"github_pat_{REDACTED}"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl", REDACTED),
        (f"cannot read {PEM} here", f"cannot read {REDACTED} here"),
        (PEM[:60], REDACTED),
        (f"{{'Authorization': 'Bearer {TOKEN}'}}", f"{{'Authorization': {REDACTED}}}"),
        (f"authorization: bearer {TOKEN}9", f"authorization: bearer {REDACTED}"),
        (f"Basic {BASIC}1", f"Basic {REDACTED}"),
        (f"Delinkcious-Caller-Token: {TOKEN}", f"Delinkcious-Caller-Token: {REDACTED}"),
        ("Delinkcious-Caller-Token: -a1b2c3d4e5f6", f"Delinkcious-Caller-Token: {REDACTED}"),
        (f"nats://user:{TOKEN}@nats:4222/x", f"nats://{REDACTED}@nats:4222/x"),
        (f"redis://:{TOKEN}@cache/0", f"redis://{REDACTED}@cache/0"),
        ("https://alice@example.com/a", f"https://{REDACTED}@example.com/a"),
        ("/authorized?code=0a1b&state=xyz", f"/authorized?code={REDACTED}&state={REDACTED}"),
        ("grant&client_secret=abc&x=1", f"grant&client_secret={REDACTED}&x=1"),
        ("host=db user=link password='a b c' x", f"host=db user=link password={REDACTED} x"),
        ("LINK_DB_PASSWORD=hunter2", f"LINK_DB_PASSWORD={REDACTED}"),
        ("{'client_secret': 'abc', 'n': 1}", f"{{'client_secret': {REDACTED}, 'n': 1}}"),
        ('{"password":"abc"}', f'{{"password":{REDACTED}}}'),
        ("Key (email)=(alice.b+c@mail.example.com)", f"Key (email)=({REDACTED})"),
    ],
    ids=itertools.count(),  # what is random has no place in the name of a test
)  # fmt: skip
def test_what_looks_like_a_secret_is_taken_out(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "link-manager does not answer.",
        "https://example.com/a?page=2#top",
        "http://127.0.0.1:8080/links",
        "https://medium.com/@somebody/a-title-of-a-story",
        "delinkcious_link_links_total",
        "dls_ and dlt_ are what tokens begin with",
        "the bearer of bad news",
        "sha256:06673d92ad898aead69fcef197d8102025558f6d787c886be770a243f93d13d4",
        "token: must have at most 100 characters",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert clean(text) == text


def test_a_kept_secret_is_taken_out_wherever_it_turns_up() -> None:
    keep(["correct horse battery"])
    assert clean("FATAL: correct horse battery is wrong") == f"FATAL: {REDACTED} is wrong"


def test_a_secret_with_another_in_it_is_taken_out_whole() -> None:
    keep(["fraise des bois"])
    keep(["tarte à la fraise des bois, glacée"])
    assert clean("tarte à la fraise des bois, glacée") == REDACTED


def test_short_secrets_are_not_looked_for() -> None:
    keep(["links"])
    assert clean("all links") == "all links"


def test_the_newest_secrets_are_kept() -> None:
    keep(f"an old secret {number:03}" for number in range(200))
    keep(["the new secret of today"])
    assert clean("the new secret of today, an old secret 000") == f"{REDACTED}, an old secret 000"


def test_values_are_taken_out_by_their_names_however_deep() -> None:
    line = {
        "event": "called",
        "headers": {"Set-Cookie": "a", "X-Forwarded-For": "192.0.2.1", "Accept": "*/*"},
        "users": [{"email": "a", "name": "Alice"}, {"access_token": 1}],
        "port": 80,
    }
    assert scrub(line) == {
        "event": "called",
        "headers": {"Set-Cookie": REDACTED, "X-Forwarded-For": REDACTED, "Accept": "*/*"},
        "users": [{"email": REDACTED, "name": "Alice"}, {"access_token": REDACTED}],
        "port": 80,
    }


def test_names_are_looked_at_too() -> None:
    assert scrub({f"dls_{TOKEN}": 1}) == {f"dls_{REDACTED}": 1}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_whatever_is_scrubbed_stays_what_it_was(value: Any) -> None:
    scrubbed = scrub(value)
    assert type(scrubbed) is type(value)
    assert json.loads(json.dumps(scrubbed)) == scrubbed


@given(st.text(), st.sampled_from("stf"), st.binary(min_size=32, max_size=32))
def test_no_text_around_it_hides_a_token(around: str, kind: str, secret: bytes) -> None:
    token = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    assert token not in clean(f"{around}dl{kind}_{token}{around}")


@pytest.mark.parametrize("unit", ["a", "a@", "://", "'secret", "-----BEGIN PRIVATE KEY-----", "x_"])
def test_no_text_takes_long(unit: str) -> None:
    """Who is logged may choose the text, so cleaning must not explode."""
    started = time.perf_counter()
    clean(unit * (100_000 // len(unit)))
    assert time.perf_counter() - started < 1
