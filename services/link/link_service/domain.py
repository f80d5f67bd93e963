"""The rules of links: what a URL, a title and a tag may be, and when two URLs are the same."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import idna

from delinkcious.errors import InvalidArgument, Violation
from delinkcious.object_model.links import (
    MAX_DESCRIPTION_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    MAX_URL_LENGTH,
    LinkChange,
    NewLink,
)
from link_service.text import fold

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_TRACKING: Final = re.compile(
    r"utm_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|twclid|ttclid|li_fat_id"
    r"|mc_[ce]id|igshid|_hsenc|_hsmi|mkt_tok|vero_id|oly_\w+_id|wt_?mc|ref_src",
    re.IGNORECASE,
)
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f<>\"\\\ud800-\udfff]")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_MAX_HOST_LENGTH: Final = 253
_PLAIN_HOST: Final = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_LOOSE_HOST: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.(?!$)|$))+")
_TITLE_KEY_LENGTH: Final = 100
INVISIBLE: Final = "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
"""What copied text may bring along: hyphens and breaks that do not show, and marks of direction.
Two tags that look the same are the same. Joiners stay: Persian and some emoji are written with
them.
"""
_IPV6_HOST: Final = re.compile(r"\[[0-9A-Fa-f:.]+\]")


def normalize_url(url: str) -> str:
    """Returns the form of a URL by which links are compared.

    Equal for URLs that differ only in the case of scheme or host, a default port, dot segments,
    percent-encoding, the fragment, the slash of an empty path, or tracking parameters (RFC 3986
    section 6.2, and what trackers add). Browsers show and copy some characters as they are that
    RFC 3986 wants encoded, as in ``?family=A|B``; they may stand in a URL, encoded or not.

    Raises:
        InvalidArgument: it is not an absolute http or https URL.
    """
    parts = _split(url)
    scheme = parts.scheme.lower()
    path = _remove_dot_segments(_normalize_escapes(parts.path)) or "/"
    query = _without_tracking(_normalize_escapes(parts.query))
    return urlunsplit((scheme, _authority(parts, scheme), path, query, ""))


def url_digest(normalized: str) -> bytes:
    """Returns what a URL is found by: it may be too long for an index itself."""
    return hashlib.sha256(normalized.encode()).digest()


def host_of(normalized: str) -> str:
    """Returns the host of a normalised URL, with the port if that is not the usual one."""
    return normalized.split("/", 3)[2]


def _split(url: str) -> SplitResult:
    if len(url) > MAX_URL_LENGTH:
        raise _wrong(f"must be at most {MAX_URL_LENGTH} characters long")
    if _FORBIDDEN.search(url):
        raise _wrong('must not contain spaces, control characters or any of < > " \\')
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _wrong("is not a URL") from None
    if parts.scheme.lower() not in _DEFAULT_PORTS:
        raise _wrong("must begin with http:// or https://")
    if not parts.hostname or port == 0:
        raise _wrong("has no valid host or port")
    if "@" in parts.netloc:
        raise _wrong("must not contain a user name or password")
    return parts


def _authority(parts: SplitResult, scheme: str) -> str:
    port = f":{parts.port}" if parts.port not in {None, _DEFAULT_PORTS[scheme]} else ""
    return _normalize_host(parts) + port


def _normalize_host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    if "[" in parts.netloc:
        if ":" not in host or not _IPV6_HOST.fullmatch(f"[{host}]"):
            raise _wrong("has no valid host")
        return f"[{host.lower()}]"
    if _PLAIN_HOST.fullmatch(host) and "--" not in host and len(host) <= _MAX_HOST_LENGTH:
        return host  # as IDNA would, which takes fifty times as long
    try:
        return idna.encode(host, uts46=True).decode().lower().rstrip(".")  # there are other dots
    except idna.IDNAError:
        pass
    # Names that are in use though no registry would give them: with underscores, for one.
    if len(host) <= _MAX_HOST_LENGTH and _LOOSE_HOST.fullmatch(host):
        return host
    raise _wrong("has no valid host")


def _normalize_escapes(text: str) -> str:
    def canonical(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    encoded = quote(text, safe="%/:?#[]@!$&'()*+,;=-._~")
    return _ESCAPE.sub(canonical, encoded)


def _remove_dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4."""
    output: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            output[-1:] = []
        elif segment != ".":
            output.append(segment)
    if segments and segments[-1] in {".", ".."}:
        output.append("")
    return "/" + "/".join(output)


def _without_tracking(query: str) -> str:
    kept = [part for part in query.split("&") if not _TRACKING.fullmatch(part.partition("=")[0])]
    return "&".join(kept)


@lru_cache(maxsize=4096)  # a collection has few tags, and each of them many times
def normalize_tag(tag: str, field: str = "tags") -> str:
    """Returns the form of a tag that is stored, the same everywhere a tag is given.

    Compatibility-composed (NFKC), lower case, single spaces, nothing invisible.

    Args:
        field: where it was given, for the error.

    Raises:
        InvalidArgument: it is empty, too long, or has a comma or control characters.
    """
    folded = _fold_tag(tag)
    if any(unicodedata.category(c) in {"Cc", "Cs", "Co", "Cn"} for c in tag) or "," in folded:
        raise InvalidArgument.of(field, "a tag must not contain commas or control characters")
    name = " ".join(folded.split())
    if not 1 <= len(name) <= MAX_TAG_LENGTH:
        raise InvalidArgument.of(field, f"a tag must have 1 to {MAX_TAG_LENGTH} characters")
    return name


def _fold_tag(tag: str) -> str:
    visible = re.sub(INVISIBLE, "", tag)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).lower())


def normalize_tags(tags: Iterable[str], field: str = "tags") -> tuple[str, ...]:
    """Returns the tags in their stored form, each once, sorted.

    Raises:
        InvalidArgument: naming the field, if one of them is no tag.
    """
    return tuple(sorted({normalize_tag(tag, field) for tag in tags}))


def normalize_tag_prefix(prefix: str) -> str:
    """Returns the form in which the beginning of a tag is looked for; "" if it begins none."""
    return " ".join(_fold_tag(prefix).split()) if prefix.strip() else ""


def title_key(title: str) -> str:
    """Returns what titles are sorted by: without regard to case and accents, and not all of it."""
    return " ".join(fold(title).split())[:_TITLE_KEY_LENGTH]


def merge_tags(
    tags: Sequence[str], *, add: Sequence[str], remove: Sequence[str]
) -> tuple[str, ...]:
    """Returns the tags of a link after a change.

    Raises:
        InvalidArgument: there would be more than a link may have.
    """
    merged = (set(tags) - set(remove)) | set(add)
    if len(merged) > MAX_TAGS:
        raise InvalidArgument.of("add_tags", f"a link may have at most {MAX_TAGS} tags")
    return tuple(sorted(merged))


def check_new_link(link: NewLink) -> NewLink:
    """Returns the link with its tags normalised.

    Raises:
        InvalidArgument: naming each wrong field.
    """
    _check_lengths(link.title, link.description)
    tags = normalize_tags(link.tags)
    if len(tags) > MAX_TAGS:
        raise InvalidArgument.of("tags", f"a link may have at most {MAX_TAGS} tags")
    return replace(link, tags=tags)


def check_change(change: LinkChange) -> LinkChange:
    """Returns the change with its tags normalised.

    Raises:
        InvalidArgument: naming each wrong field.
    """
    _check_lengths(change.title or "", change.description or "")
    return replace(
        change,
        add_tags=normalize_tags(change.add_tags, "add_tags"),
        remove_tags=normalize_tags(change.remove_tags, "remove_tags"),
    )


def _check_lengths(title: str, description: str) -> None:
    violations = [
        Violation(field, f"must be at most {limit} characters long")
        for field, value, limit in (
            ("title", title, MAX_TITLE_LENGTH),
            ("description", description, MAX_DESCRIPTION_LENGTH),
        )
        if len(value) > limit
    ]
    if violations:
        detail = "; ".join(f"{v.field}: {v.detail}" for v in violations)
        raise InvalidArgument(detail, violations=violations)


def _wrong(detail: str) -> InvalidArgument:
    return InvalidArgument.of("url", detail)
