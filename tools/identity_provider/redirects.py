"""Where the browser may be sent back to: GitHub's rule for `redirect_uri`, and how to get there.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#redirect-urls
"""

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_registered(redirect_uri: str, callback: str) -> bool:
    """Whether GitHub would send a browser to `redirect_uri` for an application of that callback.

    The scheme, the host (or a subdomain of it) and the port must match, and the path lie at or
    below the callback's. For a loopback callback any port of either loopback name will do.
    """
    try:
        given, registered = urlsplit(redirect_uri), urlsplit(callback)
        return (
            _is_plain(redirect_uri, given)
            and given.scheme == registered.scheme
            and _same_place(given, registered)
            and _lies_below(given.path, registered.path)
        )
    except ValueError:  # urlsplit's word for a port or an IPv6 literal that is none
        return False


def _is_plain(text: str, url: SplitResult) -> bool:
    """Without what makes two readers of a URL disagree: userinfo, backslash, space, dot segment."""
    segments = unquote(url.path).replace("\\", "/").split("/")
    return (
        re.fullmatch(r"[!-\[\]-~]+", text) is not None
        and re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", url.netloc) is not None
        and not url.fragment
        and not {".", ".."} & set(segments)
    )


def _same_place(given: SplitResult, registered: SplitResult) -> bool:
    host, expected, port = given.hostname or "", registered.hostname or "", _port(given)
    if expected in _LOOPBACK:
        return host in _LOOPBACK
    return port == _port(registered) and (host == expected or host.endswith(f".{expected}"))


def _port(url: SplitResult) -> int | None:
    return url.port or _DEFAULT_PORTS.get(url.scheme)


def _lies_below(path: str, registered: str) -> bool:
    base = registered.rstrip("/")
    return path in {base, registered} or path.startswith(f"{base}/")


def origin(url: str) -> str:
    """The origin of a URL, as a Content-Security-Policy names it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def with_query(url: str, parameters: dict[str, str | None]) -> str:
    """`url` with these parameters after those it has; a parameter of None is left out."""
    parts = urlsplit(url)
    added = [(name, value) for name, value in parameters.items() if value is not None]
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added])
    return parts._replace(query=query).geturl()
