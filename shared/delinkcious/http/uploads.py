"""Files that requests carry, as streams: none of them is ever whole in memory or on disk.

A file comes as the field ``file`` of a form (multipart/form-data), or as the raw body with its
content type. It may be larger than other bodies; how large, the view says.

One that breaks off raises where it is read. Only a raw body without a length, in HTTP's own chunks,
cannot be told from a whole one: the WSGI server does not say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import IO, Final

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Event, Field, File, MultipartDecoder, NeedData, State

from delinkcious.errors import InvalidArgument, PayloadTooLarge, UnsupportedMediaType

_FIELD: Final = "file"
_CHUNK: Final = 64 * 1024
_FRAMING: Final = 64 * 1024
_MOST_BUFFERED: Final = 2 * _CHUNK
_LONGEST_BOUNDARY: Final = 200
_AROUND_BOUNDARY: Final = len(b"\r\n----\r\n")
_LINE_BREAK: Final = re.compile(rb"[\r\n]")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is being sent, to be read once.

    Attributes:
        content_type: as its sender says, which may be nothing, or wrong.
        filename: likewise.
    """

    chunks: Iterator[bytes]
    content_type: str
    filename: str = ""

    def read_ahead(self, size: int) -> "Upload":
        """Returns the same, of which so many bytes are here, or all if it has no more.

        Whom a small file is passed on to need not wait with us for a sender that is slow.
        """
        here, length = [], 0
        for chunk in self.chunks:
            here.append(chunk)
            length += len(chunk)
            if length >= size:
                break
        return replace(self, chunks=chain(here, self.chunks))


def receive(limit: int) -> Upload:
    """Begins to read the file of the request. What is wrong may show only while it is read.

    Raises:
        InvalidArgument: there is none, or it is broken off.
        PayloadTooLarge: it has more bytes than the limit; at once if the request says so, and
            otherwise when they have come.
        UnsupportedMediaType: it is compressed: there is no limit to what comes out of that.
    """
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise UnsupportedMediaType.of("Content-Encoding", "must be identity: send it uncompressed")
    if request.mimetype != "multipart/form-data":
        return Upload(_body(limit), request.headers.get("Content-Type", ""))
    boundary = request.mimetype_params.get("boundary", "").encode("latin-1", "replace")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise InvalidArgument.of("Content-Type", "must say what is between the parts of the form")
    return _file_in(_parts(_body(limit, _FRAMING), boundary), limit)


def _body(limit: int, framing: int = 0) -> Iterator[bytes]:
    length = request.content_length
    if length is not None and length > limit + framing:
        raise _too_large(limit)
    if length is None and "wsgi.input_terminated" not in request.environ:
        length = 0  # there is no body, and it would be waited for
    return _read(request.environ["wsgi.input"], length, limit, framing)


def _read(stream: IO[bytes], length: int | None, limit: int, framing: int) -> Iterator[bytes]:
    total = 0
    while chunk := _next(stream, _CHUNK if length is None else min(_CHUNK, length - total)):
        total += len(chunk)
        if total > limit + framing:
            raise _too_large(limit)
        yield chunk
    if length is not None and total < length:
        raise _broken_off()
    if total == 0:
        raise InvalidArgument.of("body", "is required: a file, or a form with the file as `file`")


def _next(stream: IO[bytes], size: int) -> bytes:
    try:
        return stream.read(size) if size else b""
    except OSError:
        raise _broken_off() from None


def _parts(body: Iterator[bytes], boundary: bytes) -> Iterator[Event]:
    """Returns what a form holds, as far as each chunk of it tells."""
    decoder = MultipartDecoder(boundary, _MOST_BUFFERED)
    for chunk in _uncut(body, len(boundary) + _AROUND_BOUNDARY):
        if decoder.state is not State.EPILOGUE:  # what comes after the form means nothing
            yield from _decoded(decoder, chunk)
    if decoder.state is not State.EPILOGUE:
        raise _broken_off()


def _uncut(body: Iterator[bytes], longest: int) -> Iterator[bytes]:
    """Returns the same bytes in chunks, none of which ends within what may be a boundary.

    Of one that is cut behind its name, Werkzeug takes the first byte for part of the file.
    """
    held = b""
    for chunk in body:
        held += chunk
        begins = _LINE_BREAK.search(held, max(0, len(held) - longest))
        end = begins.start() if begins else len(held)
        yield held[:end]
        held = held[end:]
    yield held


def _decoded(decoder: MultipartDecoder, chunk: bytes) -> list[Event]:
    events: list[Event] = []
    try:
        decoder.receive_data(chunk)
        while not isinstance(event := decoder.next_event(), NeedData):
            if isinstance(event, Field | File | Data):
                events.append(event)
    except (ValueError, RequestEntityTooLarge):
        raise InvalidArgument.of("body", "is not the form that its Content-Type says") from None
    return events


def _file_in(parts: Iterator[Event], limit: int) -> Upload:
    head = next(parts, None)
    if head is None:
        raise InvalidArgument.of(_FIELD, "is required")
    if not isinstance(head, Field | File) or head.name != _FIELD:
        raise _unknown(head)
    filename = head.filename if isinstance(head, File) else ""
    return Upload(_contents(parts, limit), head.headers.get("Content-Type", ""), filename)


def _contents(parts: Iterator[Event], limit: int) -> Iterator[bytes]:
    total = 0
    for part in parts:
        if not isinstance(part, Data):
            raise _unknown(part)
        total += len(part.data)
        if total > limit:
            raise _too_large(limit)
        if part.data:
            yield part.data


def _unknown(part: Event) -> InvalidArgument:
    name = getattr(part, "name", None) or "body"
    return InvalidArgument.of(name, f"is not read: the form has one field, {_FIELD}")


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge.of("body", f"must be at most {limit} bytes long")


def _broken_off() -> InvalidArgument:
    return InvalidArgument.of("body", "broke off before its end")
