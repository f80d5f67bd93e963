import pytest
from flask import Flask

from delinkcious.errors import Unavailable
from delinkcious.http.client import HttpClient
from delinkcious.testing.serving import serving


def test_an_application_is_served_as_long_as_the_context_lasts() -> None:
    app = Flask("probe")
    app.add_url_rule("/", view_func=lambda: "here")
    with serving(app) as address:
        client = HttpClient("probe", address)
        assert client.get("/").body == b"here"
    with pytest.raises(Unavailable):
        client.get("/")
