"""``python -m tests.smoke URL``: is this deployment of Delinkcious alive and well?

Logs in as two new users (a deployment with the local identity provider), or uses the tokens in
``DELINKCIOUS_TOKEN`` and, for following and news, ``DELINKCIOUS_TOKEN_2`` (a real one). It changes
nothing but links and follows of its own, and removes them at the end.

The link that it saves must be reachable for the link checker: by default the deployment's own
API document, or what ``SMOKE_LINK`` says.
"""

import os
import sys
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import requests

from tests.support.api import Api, ApiError

PATIENCE = 30


class SmokeTest:
    """One run: the steps in their order, each said aloud."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")
        run = uuid4().hex[:12]
        link = os.environ.get("SMOKE_LINK") or f"{self.base}/openapi.json"
        self.url = f"{link}{'&' if '?' in link else '?'}smoke={run}"
        self.author, self.reader = self._users(run)

    def run(self) -> None:
        """Runs every step; cleans up whatever happens."""
        try:
            self._links()
            if self.reader:
                self._news(self.reader)
            else:
                say("follow, news", "left out: DELINKCIOUS_TOKEN_2 is not set")
        finally:
            self._clean_up()

    def _users(self, run: str) -> tuple[Api, Api | None]:
        token, second = (os.environ.get(f"DELINKCIOUS_TOKEN{n}") for n in ("", "_2"))
        if token:
            return self._with_token(token), self._with_token(second) if second else None
        author = Api.login(self.base, f"smoke-{run}-a")
        reader = Api.login(self.base, f"smoke-{run}-b")
        say("log in", f"as {author.username} and {reader.username}")
        return author, reader

    def _with_token(self, token: str) -> Api:
        user = Api(self.base, token)
        name = user.call("GET", "/v1/me")["username"]
        say("token", f"of {name}")
        return Api(self.base, token, name)

    def _links(self) -> None:
        ignoring_absence(lambda: self.author.delete(self.url))
        say("delete", "a link that is not there gives 404")
        expect("get", self.author.link(self.url) is None, "the link is not there")
        if self.reader:
            self.reader.follow(self.author.username)
            say("follow", f"{self.reader.username} follows {self.author.username}")
        self.author.add(self.url, title="Smoke test", tags=["smoke-test"])
        status = (self.author.link(self.url) or {}).get("status")
        expect("add", status in {"pending", "valid"}, f"the link is {status}")
        wait("check", lambda: (self.author.link(self.url) or {}).get("status") == "valid", "valid")

    def _news(self, reader: Api) -> None:
        def told() -> bool:
            return any(
                event["url"] == self.url and event["username"] == self.author.username
                for event in reader.news(page_size=100)
            )

        wait("news", told, f"{reader.username} reads of it")

    def _clean_up(self) -> None:
        ignoring_absence(lambda: self.author.delete(self.url))
        if self.reader:
            reader, author = self.reader, self.author
            ignoring_absence(lambda: reader.unfollow(author.username))
        say("clean up", "done")


def say(step: str, what: str) -> None:
    """Prints what a step did."""
    print(f"  {step:<12} {what}", flush=True)


def expect(step: str, right: bool, what: str) -> None:
    """Says what a step found, and stops the run if it is wrong."""
    if not right:
        raise AssertionError(f"{step}: expected otherwise, but {what}")
    say(step, what)


def wait(step: str, condition: Callable[[], bool], what: str) -> None:
    """Waits until something has happened."""
    started = monotonic()
    while not condition():
        if monotonic() - started > PATIENCE:
            raise AssertionError(f"{step}: not {what!r} within {PATIENCE} s")
        sleep(0.1)
    say(step, f"{what} after {monotonic() - started:.1f} s")


def ignoring_absence(call: Callable[[], Any]) -> None:
    """Calls, and takes a 404 for an answer."""
    try:
        call()
    except ApiError as error:
        if error.status != requests.codes.not_found:
            raise


def main() -> int:
    """Runs the smoke test against the deployment that the command line names."""
    if len(sys.argv) != 2:
        print(f"usage: python -m tests.smoke URL\n\n{__doc__}", file=sys.stderr)
        return 2
    print(f"smoke test of {sys.argv[1]}")
    try:
        SmokeTest(sys.argv[1]).run()
    except (AssertionError, ApiError, requests.RequestException) as error:
        print(f"smoke test FAILED: {error}", file=sys.stderr)
        return 1
    print("smoke test passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
