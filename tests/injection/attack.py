"""An attack: an API, what must not come to harm behind it, and what is sent to it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from werkzeug.test import create_environ, run_wsgi_app
from werkzeug.wrappers import Response

from api_gateway.app import Managers
from delinkcious.object_model.links import NewLink, Visibility
from delinkcious.object_model.users import GitHubIdentity
from tests.fuzz.apis import Api
from tests.injection.corpus import Payload
from tests.injection.places import Place, Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Rows = Mapping[str, Mapping[str, list[str]]]
"""What is in databases: by database and table."""

VICTIM: Final = "victim"
SECRET: Final = "known-to-the-victim-alone"
"""In everything that is private of the victim."""

ATTACKER: Final = "mallory"
URL: Final = "https://mallory.example/"
GOOD: Final[dict[str, Any]] = {
    "username": ATTACKER,
    "followed": "nobody",
    "follower": ATTACKER,
    "url": URL,
    "name": "a",
    "new_name": "b",
    "token": "dls_unknown",
    "secret": "dlf_unknown",
    "state": "s",
    "github_id": 666,
    "login": ATTACKER,
    "token_id": 10**15,
    "session_id": 10**15,
    "import_id": 10**15,
    "number": 10**15,
    "deletion_id": "6f9619ff-8b86-4011-b42d-00c04fc964ff",
    "POST /v1/links/bulk": {"q": "a", "check": True},
    "POST /links/bulk": {"username": ATTACKER, "q": "a", "check": True},
    "POST /v1/links/check": {"url": URL},
    "POST /links/check": {"username": ATTACKER, "url": URL},
    "DELETE /v1/me": {"username": "not-mallory"},
}
"""What requests need, of somebody who has nothing that must not change. The account stays."""

_SERVER_ERROR: Final = 500
_ENDLESS: Final = "text/event-stream"
_SENT_ON: Final = "X-Injected"


def settle(managers: Managers) -> None:
    """Has the victim have something of everything."""
    managers.users.register(GitHubIdentity(101, VICTIM, "Victim", f"{SECRET}@example.com"))
    managers.users.register(GitHubIdentity(102, "friend", "Friend", f"{SECRET}@example.com"))
    managers.users.login(VICTIM)
    managers.users.create_token(VICTIM, SECRET)
    managers.users.create_feed_secret(VICTIM)
    managers.social_graph.follow("friend", VICTIM)
    managers.social_graph.follow(VICTIM, "friend")
    for number in range(3):
        managers.links.add_link(
            VICTIM,
            NewLink(
                f"https://victim.example/{SECRET}/{number}",
                SECRET,
                "a" * 40 + "!",
                ("a", SECRET),
                Visibility.PRIVATE,
            ),
        )


@dataclass
class Outcome:
    """What came of an attack.

    Attributes:
        faults: what should not have happened, one line each.
        answers: how many answers had which status.
    """

    faults: list[str] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)


def attack(api: Api, shots: Iterable[tuple[Place, Payload]]) -> Outcome:
    """Sends every payload to its place, as far as it can stand there."""
    outcome = Outcome()
    for place, payload in shots:
        request = place.request(payload)
        if request is not None:
            signed = api.sign(f"{request.method} {place.operation.path}")
            response = Response(*run_wsgi_app(api.app, _environ(request, signed)))
            outcome.answers[response.status_code] += 1
            outcome.faults += [f"{place} with {payload}: {wrong}" for wrong in _wrong(response)]
            response.close()
    return outcome


def _environ(request: Request, signed: Mapping[str, str]) -> "WSGIEnvironment":
    """The request as a server hands it over, and worse: servers let no line break through."""
    environ = create_environ(method=request.method, data=request.body)
    environ["PATH_INFO"] = unquote_to_bytes(request.path).decode("latin-1")
    environ["QUERY_STRING"] = request.query
    for name, value in {**signed, **request.headers}.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ


def _wrong(response: Response) -> Iterator[str]:
    text = "" if response.mimetype == _ENDLESS else response.get_data(as_text=True)
    if response.status_code >= _SERVER_ERROR:
        yield f"answered with {response.status_code}: {text[:200]}"
    if _SENT_ON in response.headers:
        yield "it came back as a header"
    if SECRET in text or SECRET in str(response.headers):
        yield f"it told what is private: {text[:200]}"


def losses(before: Rows, after: Rows) -> Iterator[str]:
    """Rows that were there and are not any more as they were, and tables that are not."""
    if {name: set(tables) for name, tables in before.items()} != {
        name: set(tables) for name, tables in after.items()
    }:
        yield "there are other tables"
    for database, tables in before.items():
        for table, rows in tables.items():
            missing = Counter(rows) - Counter(after[database].get(table, ()))
            yield from (f"{database}.{table} {row[:300]}" for row in missing)
