"""The news of a user: what those whom the user follows did with their links."""

from datetime import datetime

from flask import Response
from pydantic import BaseModel, Field

from api_gateway.policy import authenticated
from delinkcious.http.app import RestApp, json_response
from delinkcious.http.decode import QUERY, reads
from delinkcious.object_model.news import NewsEventType, NewsManager
from delinkcious.object_model.users import Identity, Scope
from delinkcious.schemas.common import Paging, Username


class NewsEventSchema(BaseModel):
    """Something that somebody did with a link."""

    id: str
    event_type: NewsEventType
    username: str = Field(description="who did it")
    url: str
    title: str
    timestamp: datetime


class NewsSchema(BaseModel):
    """A page of news."""

    events: list[NewsEventSchema]
    next_token: str | None = Field(description="`start_token` of the next page; null on the last")


class OfAuthor(BaseModel):
    """Whose deeds."""

    author: Username | None = Field(None, description="only what this one did, whom you follow")


class NewsQuery(Paging, OfAuthor):
    """Which page of news."""


def add_news(app: RestApp, news: NewsManager) -> None:
    """Adds the endpoint of news."""

    @app.get("/v1/news")
    @authenticated(Scope.NEWS)
    @reads(app, NewsQuery, QUERY)
    @app.output(NewsSchema, description="A page of news, newest first.")
    @app.doc(tags=["News"], operation_id="getNews")
    def get_news(caller: Identity, wanted: NewsQuery) -> Response:
        """Read your news.

        What those whom you follow did with their public links.
        """
        page = news.get_news(
            caller.username, wanted.start_token, wanted.page_size, author=wanted.author
        )
        return json_response(page)
