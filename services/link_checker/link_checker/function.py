"""The check as a function: called with a request, returns what was found and publishes it.

It knows no serverless framework and no HTTP. `link_checker.http` puts it behind Flask; an adapter
for a framework decodes a `CheckLink`, calls the function, and turns the errors of
`delinkcious.errors` into responses with the tables there.
"""

import structlog
from pydantic import BaseModel, Field

from delinkcious.errors import DelinkciousError, Unavailable
from delinkcious.messaging.blocking import BlockingEventPublisher
from delinkcious.object_model.links import LinkStatus
from delinkcious.schemas.common import Username
from delinkcious.schemas.links import Url
from link_checker.domain import Outcome
from link_checker.events import checked
from link_checker.ports import LinkChecker
from link_checker.urls import WebUrl

logger = structlog.get_logger()


class CheckLink(BaseModel):
    """A link to be checked, and for whom."""

    username: Username
    url: Url
    title_wanted: bool = Field(False, description="whether to find out the page's title too")


class CheckedLink(BaseModel):
    """What was found."""

    url: str
    outcome: Outcome
    status: LinkStatus
    http_status: int | None = Field(description="of the final response, if there was one")
    title: str | None = Field(description="the page's own, if it was wanted and found")
    moved_to: str | None = Field(description="the URL that the page has now, if it moved for good")


class LinkCheckFunction:
    """Checks a link on demand."""

    def __init__(self, checker: LinkChecker, publisher: BlockingEventPublisher) -> None:
        self._checker = checker
        self._publisher = publisher

    def __call__(self, wanted: CheckLink) -> CheckedLink:
        """Checks a link, and returns when the result is published too.

        Raises:
            InvalidArgument: the URL is not one.
            DelinkciousError: the result could not be published.
        """
        WebUrl.parse(wanted.url)
        finding = self._checker.check(wanted.url, title_wanted=wanted.title_wanted)
        try:
            self._publisher.publish([checked(wanted.url, finding)])
        except Unavailable as error:
            logger.warning("check_not_published", reason=error.detail)
            raise DelinkciousError("The result of the check could not be published.") from None
        return CheckedLink(
            url=wanted.url,
            outcome=finding.outcome,
            status=finding.link_status,
            http_status=finding.http_status,
            title=finding.title,
            moved_to=finding.moved_to,
        )
