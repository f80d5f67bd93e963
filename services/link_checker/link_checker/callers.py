"""Who may call what of the link checker. What is not named here can be called by nobody."""

from typing import Final

from delinkcious.callers import Callers

GATEWAY: Final = "api-gateway"
LINK: Final = "link-manager"

CALLERS: Final[Callers] = {
    "POST /": {GATEWAY, LINK},
}
