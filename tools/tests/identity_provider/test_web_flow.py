"""The OAuth web flow, as requests-oauthlib and a browser see it."""

import re
from urllib.parse import parse_qs

import pytest
from oauthlib.oauth2 import OAuth2Error

from tools.identity_provider.grants import CODE_LIFETIME_SECONDS, s256
from tools.tests.identity_provider.running import (
    CALLBACK,
    CLIENT_ID,
    CLIENT_SECRET,
    RunningProvider,
    query_of,
)

VERIFIER = "v" * 64
PKCE = {"code_challenge": s256(VERIFIER), "code_challenge_method": "S256"}


@pytest.mark.parametrize("include_client_id", [True, None], ids=["in the body", "basic"])
def test_requests_oauthlib_logs_in_with_pkce(
    provider: RunningProvider, include_client_id: bool | None
) -> None:
    with provider.application() as application:
        url, state = application.authorization_url(
            f"{provider.url}/login/oauth/authorize", login="alice"
        )
        callback = application.get(url, allow_redirects=False).headers["Location"]
        assert callback.startswith(f"{CALLBACK}?code=")
        assert f"state={state}" in callback
        token = application.fetch_token(
            f"{provider.url}/login/oauth/access_token",
            client_secret=CLIENT_SECRET,
            authorization_response=callback,
            include_client_id=include_client_id,
        )
        user = application.get(f"{provider.url}/user").json()
        emails = application.get(f"{provider.url}/user/emails").json()
    assert token["token_type"] == "bearer"
    assert re.fullmatch(r"gho_[A-Za-z0-9]{36}", token["access_token"])
    assert user["login"] == "alice"
    assert "alice@example.com" in [email["email"] for email in emails]


def test_requests_oauthlib_reports_a_used_code_by_its_github_name(
    provider: RunningProvider,
) -> None:
    code = provider.code()
    provider.exchange(code)
    with (
        provider.application(pkce=None) as application,
        pytest.raises(OAuth2Error, match="bad_verification_code"),
    ):
        application.fetch_token(
            f"{provider.url}/login/oauth/access_token", code=code, client_secret=CLIENT_SECRET
        )


def test_a_code_works_once(provider: RunningProvider) -> None:
    code = provider.code()
    assert "access_token" in provider.exchange(code)
    assert provider.exchange(code) == {
        "error": "bad_verification_code",
        "error_description": "The code passed is incorrect or expired.",
        "error_uri": "https://docs.github.com/apps/managing-oauth-apps/"
        "troubleshooting-oauth-app-access-token-request-errors/#bad-verification-code",
    }


def test_a_code_expires_after_ten_minutes(provider: RunningProvider) -> None:
    early, late = provider.code(), provider.code()
    provider.seconds[0] = CODE_LIFETIME_SECONDS - 1
    assert "access_token" in provider.exchange(early)
    provider.seconds[0] = CODE_LIFETIME_SECONDS
    assert provider.exchange(late)["error"] == "bad_verification_code"


def test_a_wrong_secret_is_refused_and_leaves_the_code_alone(provider: RunningProvider) -> None:
    code = provider.code()
    refused = provider.exchange(code, client_secret="wrong")
    assert refused["error"] == "incorrect_client_credentials"
    assert "access_token" in provider.exchange(code)


def test_a_wrong_client_id_is_refused(provider: RunningProvider) -> None:
    refused = provider.exchange(provider.code(), client_id="another")
    assert refused["error"] == "incorrect_client_credentials"


def test_the_right_verifier_is_accepted(provider: RunningProvider) -> None:
    assert "access_token" in provider.exchange(provider.code(**PKCE), code_verifier=VERIFIER)


@pytest.mark.parametrize("fields", [{"code_verifier": "w" * 64}, {}], ids=["wrong", "missing"])
def test_a_challenge_needs_its_verifier(provider: RunningProvider, fields: dict[str, str]) -> None:
    code = provider.code(**PKCE)
    assert provider.exchange(code, **fields)["error"] == "bad_verification_code"
    assert provider.exchange(code, code_verifier=VERIFIER)["error"] == "bad_verification_code"


def test_a_verifier_for_a_stripped_challenge_is_refused(provider: RunningProvider) -> None:
    refused = provider.exchange(provider.code(), code_verifier=VERIFIER)
    assert refused["error"] == "bad_verification_code"


@pytest.mark.parametrize(
    "parameters",
    [
        {"code_challenge": s256(VERIFIER)},
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
        {"code_challenge": "short", "code_challenge_method": "S256"},
        {"code_challenge_method": "S256"},
    ],
)
def test_only_s256_challenges_are_taken(
    provider: RunningProvider, parameters: dict[str, str]
) -> None:
    sent_back = query_of(provider.authorize(login="alice", **parameters))
    assert (sent_back["error"], sent_back["state"]) == ("invalid_request", "s")


def test_the_exchange_must_name_the_same_redirect_uri(provider: RunningProvider) -> None:
    refused = provider.exchange(provider.code(redirect_uri=CALLBACK), redirect_uri=f"{CALLBACK}/x")
    assert refused["error"] == "redirect_uri_mismatch"


def test_without_a_redirect_uri_the_registered_callback_is_used(provider: RunningProvider) -> None:
    response = provider.authorize(login="alice")
    assert response.headers["Location"].startswith(f"{CALLBACK}?code=")


def test_a_foreign_redirect_uri_is_reported_to_the_registered_callback(
    provider: RunningProvider,
) -> None:
    response = provider.authorize(login="alice", redirect_uri="https://evil.example/steal")
    assert response.headers["Location"].startswith(f"{CALLBACK}?")
    assert query_of(response) == {
        "error": "redirect_uri_mismatch",
        "error_description": "The redirect_uri MUST match the registered callback URL "
        "for this application.",
        "error_uri": "https://docs.github.com/apps/managing-oauth-apps/"
        "troubleshooting-authorization-request-errors/#redirect-uri-mismatch",
        "state": "s",
    }


def test_another_loopback_port_is_allowed(provider: RunningProvider) -> None:
    elsewhere = "http://localhost:41234/login/authorized"
    response = provider.authorize(login="alice", redirect_uri=elsewhere)
    assert response.headers["Location"].startswith(f"{elsewhere}?code=")


def test_the_answer_is_form_encoded_unless_json_is_asked_for(provider: RunningProvider) -> None:
    fields = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code": provider.code()}
    response = provider.http.post(f"{provider.url}/login/oauth/access_token", data=fields)
    assert response.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    answer = parse_qs(response.text)
    assert answer["token_type"] == ["bearer"]
    assert answer["scope"] == ["user:email"]
    assert answer["access_token"][0].startswith("gho_")


def test_the_exchange_takes_json(provider: RunningProvider) -> None:
    document = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code": provider.code()}
    response = provider.http.post(
        f"{provider.url}/login/oauth/access_token",
        json=document,
        headers={"Accept": "application/json"},
    )
    assert "access_token" in response.json()


@pytest.mark.parametrize("body", ["{", "[]", '{"code": 1}', '{"code": "\\ud800"}'])
def test_a_strange_json_body_is_refused_like_any_other(
    provider: RunningProvider, body: str
) -> None:
    response = provider.http.post(
        f"{provider.url}/login/oauth/access_token",
        data=body,
        headers={"Accept": "application/json", "Content-Type": "application/json"},
    )
    assert response.json()["error"] == "incorrect_client_credentials"


def test_scopes_another_one_includes_are_left_out(provider: RunningProvider) -> None:
    answer = provider.exchange(provider.code(scope="user:email,user repo user"))
    assert answer["scope"] == "user"


def test_an_unknown_client_gets_a_404_page(provider: RunningProvider) -> None:
    response = provider.authorize(client_id="nobody", login="alice")
    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


def test_the_page_offers_the_known_accounts_and_its_form_logs_in(
    provider: RunningProvider,
) -> None:
    page = provider.authorize(redirect_uri=CALLBACK, **PKCE)
    assert page.status_code == 200
    assert re.findall(r'<button name="login" value="(\w+)">', page.text) == [
        "alice",
        "bob",
        "carol",
    ]
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
    chosen = provider.http.post(
        f"{provider.url}/login/oauth/authorize", data=form | {"login": "bob"}, allow_redirects=False
    )
    answer = provider.exchange(query_of(chosen)["code"], code_verifier=VERIFIER)
    assert provider.api("/user", answer["access_token"]).json()["login"] == "bob"
    assert query_of(chosen)["state"] == "s"


def test_deny_is_told_to_the_application(provider: RunningProvider) -> None:
    denied = provider.http.post(
        f"{provider.url}/login/oauth/authorize",
        data={"client_id": CLIENT_ID, "state": "s", "deny": "true"},
        allow_redirects=False,
    )
    assert denied.headers["Location"].startswith(f"{CALLBACK}?")
    assert query_of(denied) == {
        "error": "access_denied",
        "error_description": "The user has denied your application access.",
        "error_uri": "https://docs.github.com/apps/managing-oauth-apps/"
        "troubleshooting-authorization-request-errors/#access-denied",
        "state": "s",
    }


def test_select_account_shows_the_page_in_spite_of_a_hint(provider: RunningProvider) -> None:
    page = provider.authorize(login="alice", prompt="select_account")
    assert page.status_code == 200
    assert 'name="login" value="alice" required' in page.text


def test_a_new_username_becomes_an_account(provider: RunningProvider) -> None:
    assert provider.user("dave-1")["login"] == "dave-1"


def test_without_sign_up_a_new_username_is_refused(provider: RunningProvider) -> None:
    page = provider.authorize(login="dave", allow_signup="false")
    assert page.status_code == 422
    assert query_of(provider.authorize(login="alice", allow_signup="false"))["code"]


@pytest.mark.parametrize("login", ["-a", "a-", "a--b", "a_b", "a" * 40, "é", "a b", "<b>", "a/b"])
def test_what_github_would_not_call_a_username_is_refused(
    provider: RunningProvider, login: str
) -> None:
    page = provider.authorize(login=login)
    assert page.status_code == 422
    assert "That is not a username" in page.text


def test_the_page_escapes_what_it_was_given_and_loads_nothing(provider: RunningProvider) -> None:
    evil = '"><script src="//evil.example">'
    page = provider.authorize(login=evil, state=evil)
    policy = page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert "default-src 'none'; style-src 'nonce-" in policy
    assert "form-action 'self' http://127.0.0.1:5000;" in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"https?://(?!127\.0\.0\.1)", page.text)
