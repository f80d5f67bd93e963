"""OAuth scopes, as far as they are about the user: all that this provider has anything to give for.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
"""

import re

_IMPLIED = {
    "user": ("read:user", "user:email", "user:follow"),
    "read:user": (),
    "user:email": (),
    "user:follow": (),
}
EMAIL_SCOPES = ("user", "user:email")


def normalised(scope: str) -> tuple[str, ...]:
    """The scopes a request asks for, without the unknown ones and those another one includes.

    GitHub documents spaces between them; it takes commas too, and clients rely on that.
    """
    asked = [name for name in dict.fromkeys(re.split(r"[\s,]+", scope)) if name in _IMPLIED]
    included = {implied for name in asked for implied in _IMPLIED[name]}
    return tuple(name for name in asked if name not in included)
