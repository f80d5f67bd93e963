"""Who may call what of the news service. What is not named here can be called by nobody."""

from typing import Final

from delinkcious.callers import Callers

GATEWAY: Final = "api-gateway"

CALLERS: Final[Callers] = {
    "GetNews": {GATEWAY},
    "WatchNews": {GATEWAY},
}
