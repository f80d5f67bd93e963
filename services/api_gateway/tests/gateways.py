"""Applications that many tests share: to make one takes longer than most of them do."""

from collections.abc import Hashable
from typing import Any

from api_gateway.app import Managers, create_gateway_app
from api_gateway.cookies import LoginCookie
from api_gateway.github import IdentityProvider
from api_gateway.sessions import Sessions
from delinkcious.http.app import RestApp
from delinkcious.testing.current import Current


class _Gateway:
    """An application and those behind it."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._managers = {name: Current() for name in Managers.__dataclass_fields__}
        self._sessions, self._provider = Current(), Current()
        managers: Any = self._managers
        sessions: Any = self._sessions
        provider: Any = self._provider
        self.app = create_gateway_app(
            Managers(**managers), sessions, provider, LoginCookie("k" * 32), **options
        )

    def put(self, managers: object, sessions: Sessions, provider: IdentityProvider) -> None:
        for name, current in self._managers.items():
            current.put(getattr(managers, name))
        self._sessions.put(sessions)
        self._provider.put(provider)


class Gateways:
    """One application for each set of options, which serves one test after the other.

    All that it remembers is behind it, save who is under way: a test closes what it began to read.
    A test that changes the application itself makes one of its own.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, _Gateway] = {}

    def over(
        self,
        managers: object,
        sessions: Sessions,
        provider: IdentityProvider,
        **options: Hashable,
    ) -> RestApp:
        """Returns the application of these options, over these managers from now on.

        Args:
            managers: what has the attributes of `Managers`.
        """
        key = frozenset(options.items())
        if key not in self._made:
            self._made[key] = _Gateway(options)
        self._made[key].put(managers, sessions, provider)
        return self._made[key].app
