"""Who may call what, from outside and between the services: read from the declarations themselves.

`docs/who-calls-what.md` is written from it, so that it is to be read in one place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from api_gateway.app import Managers, create_gateway_app
from api_gateway.cookies import LoginCookie
from api_gateway.policy import Policy, Who, policy_of
from api_gateway.sessions import Sessions
from delinkcious.callers import Callers
from tools.local_stack.layout import LINK, LINK_CHECKER, NEWS, SOCIAL_GRAPH, USER, Service

PAGE: Final = Path(__file__).parents[2] / "docs" / "who-calls-what.md"
INTERNAL: Final = (LINK, SOCIAL_GRAPH, USER, NEWS, LINK_CHECKER)

_BEGIN: Final = """\
# Who may call what

Written by `python -m tools.who_calls_what` from what the code declares; a test fails when it is out
of date. What is not here can be called by nobody
([ADR-0037](adr/0037-one-policy-for-each-endpoint.md),
[ADR-0038](adr/0038-who-may-call-stands-in-one-table.md)).

## From outside

Declared on each view of the gateway (`api_gateway/policy.py`), checked before anything of the
request is read (`api_gateway/authentication.py`). *Scopes* are what a token needs that is limited
to scopes, all of them; sessions and other tokens may do everything. *Cookie* tells whether the
session cookie of a browser suffices: *yes*, or *with proof* that a page of ours sent the request
(`api_gateway/csrf.py`).

| call | who | scopes | cookie |
|---|---|---|---|
"""
_BETWEEN: Final = """
## Between services

Declared in the module `callers` of each service, checked before anything of the request is read
(`delinkcious/http/callers.py`, `delinkcious/grpc/callers.py`). A caller shows the secret that it
shares with that service alone ([ADR-0013](adr/0013-one-secret-for-each-pair-of-services.md)). On
its management port each process tells whoever reaches it whether it is well (`/healthz`,
`/readiness`), what it measured and what it is (`/metrics`, `/info`); a gRPC server answers health
checks and reflection likewise. Keep those ports inside.
"""


@dataclass(frozen=True, slots=True)
class PublicCall:
    """An endpoint of the gateway: ``GET /v1/links``."""

    call: str
    policy: Policy

    @property
    def cookie(self) -> str:
        """Whether the session cookie suffices."""
        if self.policy.who is Who.ANYBODY:
            return ""
        if not self.policy.cookie:
            return "no"
        return "yes" if self.call.startswith("GET ") else "with proof"


def public_calls() -> Iterator[PublicCall]:
    """Yields the endpoints of the gateway, by path."""
    nobody: Any = None
    app = create_gateway_app(
        Managers(*[nobody] * len(Managers.__dataclass_fields__)),
        Sessions(nobody, seconds=0, size=1),
        nobody,
        LoginCookie("k" * 32),
    )
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            if policy := policy_of(app.view_functions[rule.endpoint]):
                yield PublicCall(f"{method} {rule.rule}", policy)


def callers_of(service: Service) -> Callers:
    """Returns the table of a service."""
    table: Callers = import_module(f"{service.module}.callers").CALLERS
    return table


def pairs() -> set[tuple[str, str]]:
    """Returns caller and service of each pair that may talk."""
    return {
        (caller, service.name)
        for service in INTERNAL
        for callers in callers_of(service).values()
        for caller in callers
    }


def page() -> str:
    """Returns the page."""
    lines = [
        f"| `{each.call}` | {each.policy.who} | {_code(each.policy.scopes)} | {each.cookie} |\n"
        for each in public_calls()
    ]
    return _BEGIN + "".join(lines) + _BETWEEN + "".join(map(_section, INTERNAL))


def _section(service: Service) -> str:
    lines = [f"| `{call}` | {_code(callers)} |\n" for call, callers in callers_of(service).items()]
    return f"\n### {service.name}\n\n| call | callers |\n|---|---|\n" + "".join(lines)


def _code(names: Any) -> str:
    return " ".join(f"`{name}`" for name in sorted(names))
