"""Who may call what of the user service. What is not named here can be called by nobody."""

from typing import Final

from delinkcious.callers import Callers

GATEWAY: Final = "api-gateway"

CALLERS: Final[Callers] = {
    "POST /register": {GATEWAY},
    "GET /users/<username:username>": {GATEWAY},
    "POST /login": {GATEWAY},
    "GET /sessions": {GATEWAY},
    "DELETE /sessions": {GATEWAY},
    "DELETE /sessions/<int:session_id>": {GATEWAY},
    "POST /logout": {GATEWAY},
    "POST /authenticate": {GATEWAY},
    "GET /tokens": {GATEWAY},
    "POST /tokens": {GATEWAY},
    "DELETE /tokens": {GATEWAY},
    "DELETE /tokens/<int:token_id>": {GATEWAY},
    "GET /feed_secret": {GATEWAY},
    "POST /feed_secret": {GATEWAY},
    "DELETE /feed_secret": {GATEWAY},
    "POST /feed_secret/owner": {GATEWAY},
    "DELETE /users/<username:username>": {GATEWAY},
    "GET /deletions/<deletion_id>": {GATEWAY},
    "GET /audit": {GATEWAY},
}
