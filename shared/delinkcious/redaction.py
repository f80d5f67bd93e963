"""Takes secrets and personal data out of text that leaves the process: log lines, error texts.

Three nets, because each has holes of its own:

- names: a value under a name that tells of a secret, however deep it lies;
- forms: what looks like a token, a private key, a password in a URL or an e-mail address, wherever
  it stands in a text;
- values: the secrets that this process was given (`keep`), wherever they turn up.

They are nets: what is logged should not hold secrets in the first place.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

REDACTED: Final = "**********"

SENSITIVE: Final = frozenset(
    {
        "access_token", "api_key", "api_token", "authorization", "client_address", "client_secret",
        "code", "code_verifier", "cookie", "cookies", "credentials", "delinkcious_caller_token",
        "email", "forwarded", "passwd", "password", "private_key", "proxy_authorization",
        "query_string", "remote_addr", "secret", "secret_key", "session", "set_cookie", "state",
        "token", "user_agent", "x_forwarded_for",
    }
)  # fmt: skip
_SENSITIVE_ENDS: Final = ("_cookie", "_email", "_password", "_private_key", "_secret", "_token")

_NAMED: Final = (
    r"[\w-]{0,40}(?:password|passwd|secret|token)|[\w-]{0,20}cookie|api_?key|authorization"
    r"|code|code_verifier|email|secret_?key|session|state"
)
_QUOTED: Final = r"""'[^']*'|"[^"]*\""""
_FORMS: Final = tuple(
    (mark, re.compile(form), replacement)
    for mark, form, replacement in (
        # Our own tokens (ADR-0015) and GitHub's; their beginning stays and says what was there
        ("dl", r"(?a)(dl[stf]_)[\w-]{16,}", rf"\1{REDACTED}"),
        ("gh", r"(?a)(gh[opusr]_)\w{16,}", rf"\1{REDACTED}"),
        ("github_pat_", r"(?a)(github_pat_)\w{16,}", rf"\1{REDACTED}"),
        # JSON web tokens
        ("eyj", r"(?a)\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", REDACTED),
        # Private keys, also one that is cut off
        (
            "private key-----",
            r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]*(-----END [A-Z ]+-----)?",
            REDACTED,
        ),
        # Credentials in a header (RFC 9110, section 11.4), however it is quoted
        ("bearer", r"(?ai)(bearer)\s+(?=[A-Z._~]*[\d+/=-])[\w.~+/=-]{8,}", rf"\1 {REDACTED}"),
        ("basic", r"(?ai)(basic)\s+(?=[A-Z._~]*[\d+/=-])[\w.~+/=-]{8,}", rf"\1 {REDACTED}"),
        ("-token", r"(?ai)((?:caller|access)-token[^\w-]{1,6})[!-~]{8,}", rf"\1{REDACTED}"),
        # Who logs in with a URL (RFC 3986, section 3.2.1)
        ("@", r"://[^/\s\"?#]{1,512}@", f"://{REDACTED}@"),
        # As in queries, forms and connection strings, and as Python shows a mapping
        ("=", rf"(?i)\b((?:{_NAMED})=)(?:'[^']*'|[^\s&'\";,)}}]+)", rf"\1{REDACTED}"),
        ("':", rf"""(?i)('(?:{_NAMED})':\s?)(?:{_QUOTED})""", rf"\1{REDACTED}"),
        ('":', rf"""(?i)("(?:{_NAMED})":\s?)(?:{_QUOTED})""", rf"\1{REDACTED}"),
        # E-mail addresses (the length of the local part: RFC 5321, section 4.5.3.1.1)
        (
            "@",
            r"(?ai)(?<![\w.%+-])[\w.%+-]{1,64}@[A-Z0-9-]{1,63}(?:\.[A-Z0-9-]{1,63})+",
            REDACTED,
        ),
    )
)
"""What to look for: what stands in every such text in lower case (a search for that is a hundred
times as fast), the form, and what takes its place."""

_SHORTEST: Final = 12
_MOST: Final = 128


class _Kept:
    """The secrets of this process.

    Attributes:
        secrets: the newest last.
        longest_first: the same, so that one that has another in it is taken out whole.
    """

    secrets: tuple[str, ...] = ()
    longest_first: tuple[str, ...] = ()


def keep(secrets: Iterable[str]) -> None:
    """Has secrets taken out of every text from now on.

    Short ones are left: they would be found in what is no secret. Of many, the oldest are dropped,
    as a process that runs for long is given new ones again and again.
    """
    new = tuple(secret for secret in secrets if len(secret) >= _SHORTEST)
    if not set(new) <= set(_Kept.secrets):
        _Kept.secrets = tuple(dict.fromkeys((*_Kept.secrets, *new)))[-_MOST:]
        _Kept.longest_first = tuple(sorted(_Kept.secrets, key=len, reverse=True))


def clean(text: str) -> str:
    """Returns a text without what nobody may read."""
    for secret in _Kept.longest_first:
        if secret in text:
            text = text.replace(secret, REDACTED)
    folded = text.lower()
    for mark, form, replacement in _FORMS:
        if mark in folded:
            text = form.sub(replacement, text)
    return text


@lru_cache(maxsize=1024)
def secrets_among(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns those of some names that tell of a secret. The same few sets of names come again and
    again, so each is looked at once.
    """
    return tuple(name for name in names if is_secret(name))


def is_secret(name: str) -> bool:
    """Tells whether the value under a name is one that nobody may read."""
    folded = name.lower().replace("-", "_")
    return folded in SENSITIVE or folded.endswith(_SENSITIVE_ENDS)


def scrub(value: Any) -> Any:
    """Returns decoded JSON without what nobody may read, by name or by form."""
    rebuild = _REBUILD.get(type(value))
    return rebuild(value) if rebuild else value


def _scrub_object(content: dict[str, Any]) -> dict[str, Any]:
    return {
        clean(name): REDACTED if is_secret(name) else scrub(value)
        for name, value in content.items()
    }


_REBUILD: Final[dict[type, Callable[[Any], Any]]] = {
    str: clean,
    dict: _scrub_object,
    list: lambda values: [scrub(value) for value in values],
}
