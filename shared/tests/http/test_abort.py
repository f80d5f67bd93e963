"""Responses that cannot be completed; what becomes of their connections is in
`test_server_streams`, on the real server.
"""

from collections.abc import Iterator

import pytest

from delinkcious.http.abort import Abortable


class Chunks:
    """Chunks that may fail, and know whether they were closed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = False
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield b"some"
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed = True


def test_chunks_pass_through_and_are_closed() -> None:
    chunks = Chunks()
    abortable = Abortable(chunks, 1)
    assert list(abortable) == [b"some"]
    abortable.close()
    assert chunks.closed


def test_what_needs_no_closing_is_not_closed() -> None:
    abortable = Abortable([b"some"], 1)
    assert list(abortable) == [b"some"]
    abortable.close()


def test_where_connections_cannot_be_told_apart_the_error_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(ValueError, match="no more"):
        list(Abortable(Chunks(ValueError("no more")), 1))


def test_a_response_whose_connection_is_not_found_is_not_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is padded until its client is tired of it; only then the server gives up."""
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr("delinkcious.http.abort.monotonic", lambda: next(clock))
    monkeypatch.setattr("delinkcious.http.abort.sleep", lambda _seconds: None)
    first, *padding = Abortable(Chunks(ValueError("no more")), 1)
    assert first == b"some"
    assert len(padding) > 5
    assert b"".join(padding).strip(b"\n") == b""
