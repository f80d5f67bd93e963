"""Remembers every secret that the platform hands out to the tests' clients."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import requests

TOKEN = "a token that a user got"

_TOKEN = re.compile(r"dl[stf]_[A-Za-z0-9_-]{43}")
_EMAIL = re.compile(r'"email": ?"([^"@]+@[^"]+)"')
_OF_A_LOGIN = frozenset({"code", "state", "code_challenge"})
_SHORTEST = 12


class Witness:
    """What was handed out: each secret, with what it is."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Looks at every answer that a client gets meanwhile."""
        send = requests.Session.send

        def watched(*given: Any, **options: Any) -> requests.Response:
            response = send(*given, **options)
            self._note(response, readable=not options.get("stream"))
            return response

        with patch.object(requests.Session, "send", watched):
            yield

    def _note(self, response: requests.Response, *, readable: bool) -> None:
        self._keep("a cookie", *response.cookies.get_dict().values())
        query = parse_qsl(urlsplit(response.headers.get("Location", "")).query)
        self._keep("of a login", *(value for name, value in query if name in _OF_A_LOGIN))
        if readable:
            self._keep(TOKEN, *_TOKEN.findall(response.text))
            self._keep("an e-mail address", *_EMAIL.findall(response.text))

    def _keep(self, what: str, *secrets: str) -> None:
        self.seen |= {secret: what for secret in secrets if len(secret) >= _SHORTEST}

    def of_kind(self, what: str) -> Mapping[str, str]:
        """What was handed out of one kind."""
        return {secret: kind for secret, kind in self.seen.items() if kind == what}
