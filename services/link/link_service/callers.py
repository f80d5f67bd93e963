"""Who may call what of the link service. What is not named here can be called by nobody."""

from typing import Final

from delinkcious.callers import Callers

GATEWAY: Final = "api-gateway"
NEWS: Final = "news-manager"

CALLERS: Final[Callers] = {
    "GET /links": {GATEWAY},
    "POST /links": {GATEWAY},
    "PUT /links": {GATEWAY},
    "DELETE /links": {GATEWAY},
    "GET /links/lookup": {GATEWAY},
    "POST /links/bulk": {GATEWAY},
    "POST /links/check": {GATEWAY},
    "GET /latest": {NEWS},
    "GET /changes": {GATEWAY},
    "GET /tags": {GATEWAY},
    "PUT /tags": {GATEWAY},
    "DELETE /tags": {GATEWAY},
    "POST /imports": {GATEWAY},
    "GET /imports": {GATEWAY},
    "GET /imports/<id:number>": {GATEWAY},
    "DELETE /imports/<id:number>": {GATEWAY},
    "GET /export": {GATEWAY},
}
