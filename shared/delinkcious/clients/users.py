"""The user service from afar."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from delinkcious.errors import NotFound, Unauthenticated
from delinkcious.http.client import HttpClient
from delinkcious.object_model.users import (
    ApiToken,
    Deletion,
    FeedSecret,
    GitHubIdentity,
    Identity,
    NewApiToken,
    OpenSession,
    Session,
    User,
    is_feed_secret,
    kind_of_token,
)


class UserClient:
    """A `UserManager` that is another process."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def register(self, identity: GitHubIdentity) -> User:
        body = {
            "github_id": identity.id,
            "login": identity.login,
            "name": identity.name,
            "email": identity.email,
        }
        return _user(self._http.request("POST", "/register", json=body, retry=True).json())

    def get_user(self, username: str) -> User:
        return _user(self._http.get(f"/users/{username}").json())

    def login(self, username: str, client: str = "", state: str = "") -> Session:
        body = {"username": username, "client": client, "state": state}
        fields = self._http.request("POST", "/login", json=body).json()
        return Session(**{**fields, "expires_at": datetime.fromisoformat(fields["expires_at"])})

    def logout(self, token: str) -> None:
        self._http.request("POST", "/logout", json={"token": token}, retry=True)

    def authenticate(self, token: str) -> Identity:
        identity = self._identity(token) if kind_of_token(token) else None
        if identity is None:
            raise Unauthenticated("The token is unknown, expired or revoked.")
        scopes = identity["scopes"]
        return Identity(
            username=identity["username"],
            scopes=scopes and tuple(scopes),
            expires_at=_time(identity["expires_at"]),
            session_id=identity.get("session_id"),  # a service before r0005 does not say
            token_id=identity.get("token_id"),
        )

    def create_token(
        self,
        username: str,
        name: str,
        scopes: tuple[str, ...] | None = None,
        expires_at: datetime | None = None,
    ) -> NewApiToken:
        body = {"username": username, "name": name, "scopes": scopes, "expires_at": expires_at}
        made = self._http.request("POST", "/tokens", json=body).json()
        return NewApiToken(made.pop("token"), _api_token(made))

    def get_tokens(self, username: str) -> list[ApiToken]:
        reply = self._http.get("/tokens", {"username": username})
        return [_api_token(token) for token in reply.json()["tokens"]]

    def revoke_token(self, username: str, token_id: int) -> None:
        self._http.request("DELETE", f"/tokens/{token_id}", query={"username": username})

    def revoke_tokens(self, username: str) -> None:
        self._http.request("DELETE", "/tokens", query={"username": username}, retry=True)

    def create_feed_secret(self, username: str) -> FeedSecret:
        made = self._http.request("POST", "/feed_secret", json={"username": username}).json()
        return FeedSecret(made["secret"], datetime.fromisoformat(made["created_at"]))

    def get_feed_secret_time(self, username: str) -> datetime | None:
        return _time(self._http.get("/feed_secret", {"username": username}).json()["created_at"])

    def get_sessions(self, username: str) -> list[OpenSession]:
        reply = self._http.get("/sessions", {"username": username})
        return [_session(session) for session in reply.json()["sessions"]]

    def revoke_session(self, username: str, session_id: int) -> None:
        self._http.request("DELETE", f"/sessions/{session_id}", query={"username": username})

    def revoke_sessions(self, username: str, keep: int | None = None) -> None:
        query: dict[str, Any] = {"username": username}
        if keep is not None:
            query["keep"] = keep
        self._http.request("DELETE", "/sessions", query=query, retry=True)

    def delete_account(self, username: str) -> Deletion:
        # Asking twice is as good as once.
        return _deletion(self._http.request("DELETE", f"/users/{username}", retry=True).json())

    def get_deletion(self, deletion_id: str) -> Deletion:
        try:
            number = UUID(deletion_id)
        except ValueError:  # it comes from an address: "..", or what ends a path, leads elsewhere
            raise NotFound("There is no such deletion.") from None
        return _deletion(self._http.get(f"/deletions/{number}").json())

    def revoke_feed_secret(self, username: str) -> None:
        self._http.request("DELETE", "/feed_secret", query={"username": username})

    def get_feed_owner(self, secret: str) -> User:
        if not is_feed_secret(secret):
            raise NotFound("There is no such feed.")
        # A POST that changes nothing, as for tokens.
        reply = self._http.request(
            "POST", "/feed_secret/owner", json={"secret": secret}, retry=True
        )
        return _user(reply.json())

    def _identity(self, token: str) -> Mapping[str, Any] | None:
        # Asking changes nothing, though it is a POST: a token has no place in a URL.
        reply = self._http.request("POST", "/authenticate", json={"token": token}, retry=True)
        identity: Mapping[str, Any] | None = reply.json()["identity"]
        return identity


def _user(fields: Mapping[str, Any]) -> User:
    return User(**{**fields, "created_at": datetime.fromisoformat(fields["created_at"])})


def _deletion(fields: Mapping[str, Any]) -> Deletion:
    return Deletion(
        id=fields["id"],
        requested_at=datetime.fromisoformat(fields["requested_at"]),
        finished_at=_time(fields["finished_at"]),
        services={name: _time(at) for name, at in fields["services"].items()},
    )


def _session(fields: Mapping[str, Any]) -> OpenSession:
    return OpenSession(
        id=fields["id"],
        client=fields["client"],
        created_at=datetime.fromisoformat(fields["created_at"]),
        last_used_at=datetime.fromisoformat(fields["last_used_at"]),
        expires_at=datetime.fromisoformat(fields["expires_at"]),
    )


def _api_token(fields: Mapping[str, Any]) -> ApiToken:
    return ApiToken(
        id=fields["id"],
        name=fields["name"],
        scopes=fields["scopes"] and tuple(fields["scopes"]),
        created_at=datetime.fromisoformat(fields["created_at"]),
        expires_at=_time(fields["expires_at"]),
        last_used_at=_time(fields.get("last_used_at")),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
