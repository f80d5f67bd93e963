"""The two cookies of the gateway: a login on its way, and the session that it ends in.

Both are HttpOnly and SameSite=Lax. Where browsers speak https they are Secure too, and their names
begin with `__Host-`: so no other host, and no sibling of ours that shares a domain with us, can put
one in their place (RFC 6265bis, section 4.1.3).
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from flask import Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer

LOGIN_SECONDS: Final = 600

_LOGIN: Final = "login"
_SESSION: Final = "session"
_HOST: Final = "__Host-"
_PATH: Final = "/"  # `__Host-` wants it


def session_cookie(*, secure: bool) -> str:
    """Returns the name of the session's cookie."""
    return _named(_SESSION, secure=secure)


def _named(name: str, *, secure: bool) -> str:
    return _HOST + name if secure else name


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """What the gateway must know again when GitHub sends the browser back.

    Attributes:
        state: what GitHub must send along, as proof that this login began in this browser.
        code_verifier: the secret of PKCE, of which GitHub has the digest.
        next: where the browser goes then.
    """

    state: str
    code_verifier: str
    next: str


class LoginCookie:
    """Keeps a login on its way in the browser: signed, and for ten minutes (ADR-0018).

    Its content is no secret from whoever sits there: it is theirs, and good for nothing elsewhere.
    """

    def __init__(self, key: str) -> None:
        self._serializer = URLSafeTimedSerializer(
            key, salt="delinkcious.login", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def put(self, response: Response, pending: PendingLogin, *, secure: bool) -> None:
        """Has the browser keep a login."""
        response.set_cookie(
            _named(_LOGIN, secure=secure),
            self._serializer.dumps(asdict(pending)),
            max_age=LOGIN_SECONDS,
            path=_PATH,
            secure=secure,
            httponly=True,
            samesite="Lax",
        )

    def get(self, request: Request, *, secure: bool) -> PendingLogin | None:
        """Returns the login that the browser kept, unless it is forged or too old."""
        kept = request.cookies.get(_named(_LOGIN, secure=secure), "")
        try:
            content = self._serializer.loads(kept, max_age=LOGIN_SECONDS)
            return PendingLogin(**content)
        except (BadData, TypeError):
            return None

    def drop(self, response: Response) -> None:
        """Has the browser forget it: a login is finished once."""
        _drop(response, _LOGIN)


def put_session(response: Response, token: str, expires_at: datetime, *, secure: bool) -> None:
    """Has the browser keep a session."""
    response.set_cookie(
        session_cookie(secure=secure),
        token,
        expires=expires_at,
        path=_PATH,
        secure=secure,
        httponly=True,
        samesite="Lax",
    )


def drop_session(response: Response) -> None:
    """Has the browser forget its session."""
    _drop(response, _SESSION)


def _drop(response: Response, name: str) -> None:
    """Has the browser forget a cookie, under whichever of its names it came."""
    for secure in (False, True):
        response.delete_cookie(
            _named(name, secure=secure), path=_PATH, secure=secure, httponly=True, samesite="Lax"
        )
