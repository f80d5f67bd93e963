"""What GitHub's API says when it does not answer, for the API's own errors and for injected ones.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

import time

from flask import Response, jsonify

DOCUMENTATION = "https://docs.github.com/rest"
_RATE_LIMITS = f"{DOCUMENTATION}/using-the-rest-api/rate-limits-for-the-rest-api"
_HOURLY_LIMIT = 5000
_RATE_LIMITED = "API rate limit exceeded."
_SECONDARY_LIMIT = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)


def api_error(status: int, message: str, documentation_url: str = DOCUMENTATION) -> Response:
    """An error as the API writes it."""
    response = jsonify(
        {"message": message, "documentation_url": documentation_url, "status": str(status)}
    )
    response.status_code = status
    return response


def injected_failure(status: int) -> Response:
    """The API's answer while it is rate limiting (403, 429) or broken (5xx)."""
    if status == 403:
        response = api_error(status, _RATE_LIMITED, f"{_RATE_LIMITS}#about-primary-rate-limits")
    elif status == 429:
        response = api_error(
            status, _SECONDARY_LIMIT, f"{_RATE_LIMITS}#about-secondary-rate-limits"
        )
    else:
        response = api_error(status, "Server Error")
    response.headers.update(failure_headers(status))
    return response


def failure_headers(status: int) -> dict[str, str]:
    """What tells a client when to come back: the primary limit's reset, or the secondary's wait."""
    if status == 429:
        return {"Retry-After": "60"}
    return rate_limit_headers(used=_HOURLY_LIMIT) if status == 403 else {}


def rate_limit_headers(used: int) -> dict[str, str]:
    """The headers of the hourly limit, of which `used` requests are gone."""
    return {
        "X-RateLimit-Limit": str(_HOURLY_LIMIT),
        "X-RateLimit-Remaining": str(_HOURLY_LIMIT - used),
        "X-RateLimit-Used": str(used),
        "X-RateLimit-Reset": str(int(time.time()) + 3600),
        "X-RateLimit-Resource": "core",
    }
