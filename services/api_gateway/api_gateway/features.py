"""What can be switched off while the gateway runs, because it costs or harms too much just then."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from flask import Flask

from delinkcious.errors import Unavailable
from delinkcious.live import LiveModel


class Features(LiveModel):
    """What is switched on.

    Attributes:
        logins: beginning and ending a login; who is logged in stays so.
        imports: taking in files of links; those that wait are another switch, the link service's.
        exports: giving out all links, or all of an account, in one answer.
        news_stream: opening a stream of news; those that are open stay so.
    """

    logins: bool = True
    imports: bool = True
    exports: bool = True
    news_stream: bool = True


ENDPOINTS: Final = {
    "start_login": "logins",
    "finish_login": "logins",
    "start_import": "imports",
    "export": "exports",
    "export_me": "exports",
    "stream_news": "news_stream",
}
"""The endpoints of each feature. Others cannot be switched off, and pay nothing for it."""


def install(app: Flask, features: Callable[[], Features]) -> None:
    """Has endpoints answer 503 while their feature is off; to be called when all routes are there.

    Args:
        features: returns those that are on now.
    """
    for endpoint, feature in ENDPOINTS.items():
        app.view_functions[endpoint] = _while_on(app.view_functions[endpoint], feature, features)


def _while_on(
    view: Callable[..., Any], feature: str, features: Callable[[], Features]
) -> Callable[..., Any]:
    @wraps(view)
    def call(**path: Any) -> Any:
        if not getattr(features(), feature):
            raise Unavailable(f"This is switched off at the moment: {feature}.")
        return view(**path)

    return call
