"""The two cookies of the gateway: a login on its way, and the session that it ends in.

Both are HttpOnly and SameSite=Lax, and Secure where the client speaks https.
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from flask import Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer

from api_gateway.authentication import SESSION_COOKIE

LOGIN_COOKIE: Final = "login"
LOGIN_PATH: Final = "/login"
LOGIN_SECONDS: Final = 600


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
            LOGIN_COOKIE,
            self._serializer.dumps(asdict(pending)),
            max_age=LOGIN_SECONDS,
            path=LOGIN_PATH,
            secure=secure,
            httponly=True,
            samesite="Lax",
        )

    def get(self, request: Request) -> PendingLogin | None:
        """Returns the login that the browser kept, unless it is forged or too old."""
        try:
            content = self._serializer.loads(
                request.cookies.get(LOGIN_COOKIE, ""), max_age=LOGIN_SECONDS
            )
            return PendingLogin(**content)
        except (BadData, TypeError):
            return None

    def drop(self, response: Response) -> None:
        """Has the browser forget it: a login is finished once."""
        response.delete_cookie(LOGIN_COOKIE, path=LOGIN_PATH, httponly=True, samesite="Lax")


def put_session(response: Response, token: str, expires_at: datetime, *, secure: bool) -> None:
    """Has the browser keep a session."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        expires=expires_at,
        path="/",
        secure=secure,
        httponly=True,
        samesite="Lax",
    )


def drop_session(response: Response) -> None:
    """Has the browser forget its session."""
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="Lax")
