"""Who may call what of the social graph service. What is not named here can be called by nobody."""

from typing import Final

from delinkcious.callers import Callers

GATEWAY: Final = "api-gateway"
NEWS: Final = "news-manager"

CALLERS: Final[Callers] = {
    "POST /follow": {GATEWAY},
    "POST /unfollow": {GATEWAY},
    "GET /followers/<username:username>": {GATEWAY, NEWS},
    "GET /followers": {NEWS},
    "GET /following/<username:username>": {GATEWAY, NEWS},
}
