"""An example of each model in the OpenAPI document, by the name it has there.

The documentation page shows them, and tests hold them against the schemas.
"""

from typing import Any, Final

_CHECKED: Final = {
    "id": 42,
    "url": "https://www.python.org/",
    "title": "Python",
    "description": "The programming language",
    "tags": ["language", "python"],
    "visibility": "public",
    "status": "valid",
    "last_check": {
        "outcome": "ok",
        "http_status": 200,
        "at": "2026-11-20T09:30:02Z",
        "attempts": 1,
    },
    "created_at": "2026-11-20T09:30:00Z",
    "updated_at": "2026-11-20T09:30:00Z",
}
_TOKEN: Final = {
    "id": 7,
    "name": "backup script",
    "scopes": ["links:read"],
    "created_at": "2026-11-20T09:30:00Z",
    "expires_at": "2027-11-20T09:30:00Z",
    "last_used_at": "2026-11-21T03:00:12Z",
}
_SESSION: Final = {
    "id": 3,
    "client": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "created_at": "2026-11-20T09:30:00Z",
    "last_used_at": "2026-11-20T17:41:00Z",
    "expires_at": "2026-11-27T17:41:00Z",
}
_IMPORT: Final = {
    "id": 12,
    "status": "running",
    "format": "html",
    "policy": "merge",
    "progress": 0.25,
    "added": 2431,
    "merged": 17,
    "skipped": 3,
    "failed": 1,
    "errors": [{"line": 812, "detail": "url: must begin with http:// or https://"}],
    "created_at": "2026-11-20T09:30:00Z",
    "finished_at": None,
}
_USER: Final = {
    "username": "alice",
    "name": "Alice",
    "email": "alice@example.com",
    "created_at": "2026-11-20T09:30:00Z",
}
_AUDIT_ENTRY: Final = {
    "id": "0199c2f4-7a31-7c5e-8d11-3f6f0b5a1c23",
    "at": "2026-11-20T09:30:00Z",
    "action": "token_created",
    "outcome": "success",
    "service": "user-manager",
    "address": "203.0.113.7",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0",
    "token_id": 7,
    "token_name": "backup script",
    "details": {"scopes": "links:read", "by": "session 12"},
}
_DELETION: Final = "6f9619ff-8b86-4011-b42d-00c04fc964ff"

EXAMPLES: Final[dict[str, Any]] = {
    "Login": {
        "access_token": "…",
        "token_type": "Bearer",
        "expires_at": "2026-12-20T09:30:00Z",
        "username": "alice",
        "name": "Alice",
        "email": "alice@example.com",
    },
    "FormToken": {"csrf_token": "q2d7…"},
    "User": _USER,
    "ListedSession": {**_SESSION, "current": True},
    "ListedSessions": {"sessions": [{**_SESSION, "current": True}]},
    "ConfirmDeletion": {"username": "alice"},
    "Deletion": {
        "id": _DELETION,
        "status": "running",
        "requested_at": "2026-11-20T09:30:00Z",
        "finished_at": None,
        "services": {
            "link-manager": None,
            "news-manager": "2026-11-20T09:30:01Z",
            "social-graph-manager": "2026-11-20T09:30:01Z",
        },
    },
    "PersonalData": {
        "exported_at": "2026-11-20T09:30:00Z",
        "account": _USER,
        "news_feed": {"created_at": None},
        "sessions": [_SESSION],
        "tokens": [_TOKEN],
        "audit": [_AUDIT_ENTRY],
        "following": ["bob"],
        "followers": ["bob", "carol"],
        "links": [_CHECKED],
        "imports": [_IMPORT],
        "news": [],
    },
    "Audit": {"entries": [_AUDIT_ENTRY], "next_page_token": None},
    "CreateToken": {key: _TOKEN[key] for key in ("name", "scopes", "expires_at")},
    "NewApiToken": {**_TOKEN, "token": "…"},
    "ApiToken": _TOKEN,
    "ApiTokens": {"tokens": [_TOKEN]},
    "AddLink": {
        "url": "https://www.python.org/",
        "title": "Python",
        "tags": ["python", "language"],
    },
    "UpdateLink": {
        "url": "https://www.python.org/",
        "description": "The programming language",
        "add_tags": ["favourite"],
    },
    "Link": _CHECKED,
    "Links": {"links": [_CHECKED], "next_page_token": None},
    "Lookup": {"link": _CHECKED, "saved_by": 12},
    "Changes": {
        "changes": [
            {"type": "changed", "link": _CHECKED},
            {
                "type": "deleted",
                "id": 41,
                "url": "https://www.example.com/",
                "deleted_at": "2026-11-20T09:31:00Z",
            },
        ],
        "next_token": "WzcsNDEsN10",
        "has_more": False,
    },
    "ChangeLinks": {"q": "is:invalid", "add_tags": ["broken"], "visibility": "private"},
    "BulkResult": {
        "found": 3,
        "changed": [42, 57],
        "deleted": [],
        "checks": 0,
        "next_page_token": None,
    },
    "CheckLinks": {"ids": [42, 57]},
    "Checks": {"checks": 2},
    "Tags": {
        "tags": [{"name": "language", "count": 1}, {"name": "python", "count": 3}],
        "next_page_token": None,
    },
    "RenameTag": {"name": "snakes"},
    "TagChange": {"links": 3},
    "Import": _IMPORT,
    "Imports": {"imports": [_IMPORT], "next_page_token": None},
    "Export": {"links": [_CHECKED]},
    "Followers": {"followers": ["bob", "carol"], "next_page_token": None},
    "Following": {"following": ["bob"], "next_page_token": None},
    "NameUser": {"username": "bob"},
    "News": {
        "events": [
            {
                "id": "0199c2f4-7a31-7c5e-8d11-3f6f0b5a1c22",
                "event_type": "link_added",
                "username": "bob",
                "url": "https://www.python.org/",
                "title": "Python",
                "timestamp": "2026-11-20T09:30:00Z",
            }
        ],
        "next_token": None,
    },
    "NewsFeed": {"created_at": "2026-11-20T09:30:00Z"},
    "NewNewsFeed": {
        "url": "https://links.example.com/v1/news/feeds/dlf_….atom",
        "created_at": "2026-11-20T09:30:00Z",
    },
    "Problem": {
        "type": "urn:delinkcious:problem:invalid-argument",
        "title": "Invalid input",
        "status": 400,
        "detail": "url: must begin with http:// or https://",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "errors": [{"field": "url", "detail": "must begin with http:// or https://"}],
    },
}
