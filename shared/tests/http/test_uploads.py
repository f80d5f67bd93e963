"""Files that requests carry."""

import gzip
import re
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from typing import Any, cast

import pytest
from flask import Response
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import create_environ

from delinkcious.http.app import MAX_BODY_BYTES, RestApp, create_app, json_response
from delinkcious.http.decode import JSON, reads
from delinkcious.http.openapi import takes_file
from delinkcious.http.uploads import Upload, receive
from delinkcious.schemas.common import Paging

How = Callable[[bytes], dict[str, Any]]
LIMIT = 3 * 1024 * 1024
FORM = "multipart/form-data; boundary=edge"


def make_app() -> RestApp:
    app = create_app(__name__, title="Files", version="1", auth=None)

    @app.post("/files")
    @takes_file("text/html", "text/csv")
    @app.output({}, status_code=201)
    def take() -> Response:
        """Take a file."""
        upload = receive(LIMIT)
        length, start, end = 0, b"", b""
        for chunk in upload.chunks:
            length += len(chunk)
            start, end = (start + chunk)[:50], (end + chunk)[-50:]
        content = {"start": start.decode("latin-1"), "end": end.decode("latin-1")}
        return json_response(
            {"type": upload.content_type, "name": upload.filename, "length": length, **content}, 201
        )

    @app.post("/notes")
    @reads(app, Paging, JSON)
    @app.output({})
    def note(_paging: Paging) -> Response:
        return json_response({})

    return app


APP = make_app()


def part(content: bytes, name: str = "file", more: str = '; filename="a.html"') -> bytes:
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{more}\r\n'
    return f"{head}Content-Type: text/html\r\n\r\n".encode() + content + b"\r\n"


END = b"--edge--\r\n"


class Endless:
    """A body that comes as long as it is read, or breaks off; counts how much was read."""

    def __init__(self, start: bytes = b"", length: int | None = None) -> None:
        self.read_so_far = 0
        self._start = start
        self._length = length

    def read(self, size: int) -> bytes:
        assert size > 0
        if self._length is not None:
            size = min(size, self._length - self.read_so_far)
        chunk, self._start = (self._start + b"x" * size)[:size], self._start[size:]
        self.read_so_far += len(chunk)
        return chunk


def in_chunks(body: bytes | Any) -> dict[str, Any]:
    """A body without a length, as a server gives it to the application."""
    stream = BytesIO(body) if isinstance(body, bytes) else body
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    return {"wsgi.input": stream, **chunked}


def with_length(body: bytes) -> dict[str, Any]:
    return {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def send(sent: dict[str, Any], content_type: str, path: str = "/files", **more: str) -> Response:
    environ = create_environ(path, method="POST")
    environ |= {"CONTENT_TYPE": content_type, **sent, **more}
    return cast("Response", Response.from_app(APP, environ))


def taken(answer: Response) -> Any:
    """Returns what a view says of the file that it took."""
    assert answer.status_code == 201, answer.get_data()
    return answer.json


def wrong(answer: Any) -> tuple[int, list[str]]:
    """Returns the status of a problem and the fields that it names."""
    return answer.status_code, [error["field"] for error in answer.get_json(force=True)["errors"]]


def test_a_file_may_be_the_body() -> None:
    answer = taken(send(with_length(b"<html>\xff"), "text/html; charset=latin-1"))
    assert (answer["length"], answer["end"]) == (7, "<html>\xff")
    assert (answer["type"], answer["name"]) == ("text/html; charset=latin-1", "")


def test_a_file_may_come_without_a_type() -> None:
    assert taken(send(with_length(b"x"), ""))["type"] == ""


def test_a_file_may_be_a_field_of_a_form() -> None:
    file = (BytesIO(b"one\r\n--two"), "caf\xe9.html")
    answer = APP.test_client().post("/files", data={"file": file})
    assert answer.json == {
        "type": "text/html",
        "name": "caf\xe9.html",
        "length": 10,
        "start": "one\r\n--two",
        "end": "one\r\n--two",
    }


def test_a_file_may_be_a_field_without_a_name_of_its_own() -> None:
    answer = taken(send(with_length(part(b"one", more="") + END), FORM))
    assert (answer["name"], answer["end"]) == ("", "one")


def test_what_is_around_a_form_means_nothing() -> None:
    body = b"before\r\n" + part(b"one") + END + b"after" * 10_000
    assert taken(send(in_chunks(body), FORM))["end"] == "one"


@given(
    content=st.lists(
        st.sampled_from([b"\r\n", b"\n", b"\r", b"--edge", b"--", b"-", b" ", b"x", b"--edg"])
    ).map(b"".join),
    size=st.integers(1, 80),
)
def test_a_file_arrives_as_it_was_sent_wherever_its_form_is_cut(content: bytes, size: int) -> None:
    if re.search(rb"(^|[\r\n])--edge", content):
        content = content.replace(b"-", b"_")  # a sender takes a boundary that is not in it

    class Cut(BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            return super().read(size)

    answer = taken(send(in_chunks(Cut(part(content) + END)), FORM))
    assert (answer["length"], answer["end"]) == (len(content), content[-50:].decode())


@given(body=st.binary(max_size=100), content_type=st.sampled_from(["text/html", FORM, ""]))
def test_no_bytes_are_a_fault_of_ours(body: bytes, content_type: str) -> None:
    for how in (in_chunks, with_length):
        for sent in (body, b"--edge" + body, b"--edge\r\n" + body + END):
            assert send(how(sent), content_type).status_code in {201, 400}


def test_some_of_a_file_may_be_read_ahead() -> None:
    for ahead, taken_at_once in ((0, 1), (1, 1), (4, 2), (6, 2), (7, 3), (100, 3)):
        left = [b"one", b"two", b"six"]
        upload = Upload((left.pop(0) for _ in range(3)), "text/html", "a.html")
        again = upload.read_ahead(ahead)
        assert len(left) == 3 - taken_at_once
        assert (again.content_type, again.filename) == ("text/html", "a.html")
        assert list(again.chunks) == [b"one", b"two", b"six"]


# Limits


@pytest.mark.parametrize("how", [in_chunks, with_length])
@pytest.mark.parametrize("content_type", ["text/html", FORM])
def test_a_file_may_be_as_large_as_the_view_says(how: How, content_type: str) -> None:
    """However it is sent, and whatever the limit of other bodies is."""
    content = b"x" * LIMIT
    body = part(content) + END if content_type == FORM else content
    assert taken(send(how(body), content_type))["length"] == LIMIT


@pytest.mark.parametrize("how", [in_chunks, with_length])
@pytest.mark.parametrize("content_type", ["text/html", FORM])
def test_a_file_that_is_larger_is_refused(how: How, content_type: str) -> None:
    content = b"x" * (LIMIT + 1)
    body = part(content) + END if content_type == FORM else content
    answer = send(how(body), content_type)
    assert wrong(answer) == (413, ["body"])
    assert answer.get_json(force=True)["detail"] == f"body: must be at most {LIMIT} bytes long"


@pytest.mark.parametrize("content_type", ["text/html", FORM])
def test_a_length_that_is_too_large_is_refused_at_once(content_type: str) -> None:
    body: Any = Endless()
    sent = {"wsgi.input": body, "CONTENT_LENGTH": str(1024**3)}
    assert wrong(send(sent, content_type)) == (413, ["body"])
    assert body.read_so_far == 0


@pytest.mark.parametrize(("content_type", "start"), [("text/html", b""), (FORM, part(b"")[:-2])])
def test_a_body_without_end_is_refused_at_the_limit_and_takes_no_memory(
    content_type: str, start: bytes
) -> None:
    body = Endless(start)
    tracemalloc.start()
    try:
        answer = send(in_chunks(body), content_type)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert wrong(answer) == (413, ["body"])
    assert LIMIT < body.read_so_far < LIMIT + 200_000
    assert peak < LIMIT / 2


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"--edge\r\n",
        b"--edge\r\nContent-Disposition: form-data; name=",
        b"--edge\r\nX: ",
    ],
)
def test_a_form_that_never_begins_is_not_kept(start: bytes) -> None:
    body = Endless(start)
    assert wrong(send(in_chunks(body), FORM)) == (400, ["body"])
    assert body.read_so_far < 1_000_000


def test_the_limit_of_other_bodies_stays() -> None:
    answer = send(with_length(b" " * (MAX_BODY_BYTES + 1)), "application/json", "/notes")
    assert wrong(answer) == (413, ["body"])


# What is refused


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity", "nonsense"])
@pytest.mark.parametrize("content_type", ["text/html", FORM])
def test_nothing_is_unpacked(encoding: str, content_type: str) -> None:
    body = gzip.compress(b"x" * 1000)
    answer = send(with_length(body), content_type, HTTP_CONTENT_ENCODING=encoding)
    assert wrong(answer) == (415, ["Content-Encoding"])


def test_a_body_that_says_it_is_not_packed_is_taken() -> None:
    taken(send(with_length(b"x"), "text/html", HTTP_CONTENT_ENCODING="Identity"))


@pytest.mark.parametrize(
    ("body", "content_type", "field"),
    [
        (b"", "text/html", "body"),
        (b"", FORM, "body"),
        (b"no form", FORM, "body"),
        (END, FORM, "file"),
        (part(b"x")[:-3], FORM, "body"),
        (part(b"x"), FORM, "body"),
        (part(b"x") + b"--edge", FORM, "body"),
        (part(b"x", "policy", "") + part(b"y") + END, FORM, "policy"),
        (part(b"x") + part(b"y", "policy", "") + END, FORM, "policy"),
        (part(b"x") + part(b"y") + END, FORM, "file"),
        (b"--edge\r\n\r\nx\r\n" + END, FORM, "body"),
        (b"--edge\r\nContent-Disposition: \xff\r\n\r\nx\r\n" + END, FORM, "body"),
        (b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END, FORM, "body"),
        (part(b"x") + END, "multipart/form-data", "Content-Type"),
        (part(b"x") + END, "multipart/form-data; boundary=" + "x" * 300, "Content-Type"),
    ],
)
@pytest.mark.parametrize("how", [in_chunks, with_length])
def test_what_is_wrong_is_said(how: How, body: bytes, content_type: str, field: str) -> None:
    assert wrong(send(how(body), content_type)) == (400, [field])


@pytest.mark.parametrize("content_type", ["text/html", FORM])
def test_a_request_that_carries_nothing_is_not_waited_for(content_type: str) -> None:
    body: Any = Endless()
    assert wrong(send({"wsgi.input": body}, content_type)) == (400, ["body"])
    assert body.read_so_far == 0


@pytest.mark.parametrize(("content_type", "start"), [("text/html", b""), (FORM, part(b"")[:-2])])
def test_a_file_that_breaks_off_is_not_taken_for_whole(content_type: str, start: bytes) -> None:
    body: Any = Endless(start, 1000)
    answer = send({"wsgi.input": body, "CONTENT_LENGTH": "2000"}, content_type)
    assert wrong(answer) == (400, ["body"])
    assert "broke off" in answer.get_json(force=True)["detail"]


def test_a_body_that_cannot_be_read_has_broken_off() -> None:
    class Broken(BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise OSError("Invalid chunk header")

    assert wrong(send(in_chunks(Broken()), "text/html")) == (400, ["body"])


# The description


def test_the_document_says_how_a_file_is_sent() -> None:
    document: Any = APP.test_client().get("/openapi.json").json
    operation = document["paths"]["/files"]["post"]
    file = {"type": "string", "format": "binary"}
    assert operation["requestBody"]["required"] is True
    assert operation["requestBody"]["content"] == {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": file},
                "required": ["file"],
                "additionalProperties": False,
            }
        },
        "text/html": {"schema": file},
        "text/csv": {"schema": file},
    }
    assert {"400", "413", "415"} <= set(operation["responses"])
