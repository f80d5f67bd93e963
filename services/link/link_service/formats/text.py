"""From the bytes of a file to its text: which charset it is in, and what to do where it is not."""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final

import webencodings

from link_service.formats.rows import UnreadableFile

_BLOCK_SIZE: Final = 128 * 1024
_META_WITHIN: Final = 4096
_META_CHARSET: Final = re.compile(
    rb"<meta\b[^>]{0,400}?charset\s*=\s*[\"']?\s*([a-z0-9_.:-]{1,40})", re.IGNORECASE
)
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SUPERSETS: Final = {"gbk": "gb18030"}
"""Encodings that browsers read as larger ones (Encoding Standard, 10.1.1), but webencodings does
not yet."""

_NO_TEXT: Final = (
    (b"\x1f\x8b", "is compressed (gzip); unpack it first"),
    (b"PK\x03\x04", "is a ZIP archive; unpack it first"),
    (b"BZh", "is compressed (bzip2); unpack it first"),
    (b"\xfd7zXZ\x00", "is compressed (xz); unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed (zstd); unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it first"),
    (b"SQLite format 3\x00", "is an SQLite database, not a file of links"),
    (b"%PDF-", "is a PDF, not a file of links"),
    (b"\x89PNG", "is a picture, not a file of links"),
    (b"\xff\xd8\xff", "is a picture, not a file of links"),
    (b"GIF8", "is a picture, not a file of links"),
    (b"bplist00", "is a binary property list, not a file of links"),
)
_LENIENT: Final = "delinkcious.else-windows-1252"
_LINE_END: Final = re.compile("\r\n?|\n\r?")


def _in_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Reads as windows-1252 what is not UTF-8: text of older programs, at times in one file with
    newer text. Five bytes are undefined there and stand for themselves, as in browsers.
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    malformed = error.object[error.start : error.end]
    return "".join(map(_WINDOWS_1252.__getitem__, malformed)), error.end


def _windows_1252(byte: int) -> str:
    return bytes([byte]).decode("cp1252", "ignore") or chr(byte)


_WINDOWS_1252: Final = tuple(_windows_1252(byte) for byte in range(256))
codecs.register_error(_LENIENT, _in_windows_1252)


def refuse_what_is_no_text(start: bytes) -> None:
    """Raises `UnreadableFile` if a file begins as a known kind of file that is not text."""
    for mark, detail in _NO_TEXT:
        if start.startswith(mark):
            raise UnreadableFile.of("file", detail)


def decode(chunks: Iterable[bytes], *, is_html: bool = False) -> Iterator[str]:
    """Returns the text of a file in blocks, which do not depend on how it was cut into chunks.

    The charset is that of a byte order mark, or in HTML that of a META, or UTF-8, in which bytes
    that are none count as windows-1252.

    Raises:
        UnreadableFile: it is no text.
    """
    decoder: codecs.IncrementalDecoder | None = None
    for block in _blocks(chunks):
        if decoder is None:
            refuse_what_is_no_text(block)
            mark, decoder = _decoder(block, is_html=is_html)
            block = block[len(mark) :]
        yield decoder.decode(block)
    if decoder is not None:
        yield decoder.decode(b"", final=True)


def with_line_feeds(blocks: Iterable[str]) -> Iterator[str]:
    """Returns a text with a line feed for every end of a line, be it CR LF, CR or even LF CR."""
    held = ""
    for block in blocks:
        text = held + block
        held = _half_an_end(text)
        text = text[: len(text) - len(held)]
        yield _LINE_END.sub("\n", text) if "\r" in text else text
    yield "\n" if held else ""


def _half_an_end(text: str) -> str:
    """Returns the last character if it may be the first of two that end a line together."""
    ends = _LINE_END.findall(text, len(text.rstrip("\r\n")))
    return ends[-1] if ends and len(ends[-1]) == 1 else ""


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    pending = bytearray()
    for chunk in chunks:
        pending += chunk
        while len(pending) >= _BLOCK_SIZE:
            yield bytes(pending[:_BLOCK_SIZE])
            del pending[:_BLOCK_SIZE]
    if pending:
        yield bytes(pending)


def _decoder(start: bytes, *, is_html: bool) -> tuple[bytes, codecs.IncrementalDecoder]:
    """Returns the byte order mark that a file begins with, if any, and what decodes the rest."""
    for mark, charset in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return mark, _incremental(charset)
    if start[1:2] == b"\x00" != start[:1]:
        return b"", _incremental("utf-16-le")
    if start[:1] == b"\x00" != start[1:2]:
        return b"", _incremental("utf-16-be")
    declared = _META_CHARSET.search(start, 0, _META_WITHIN) if is_html else None
    return b"", _declared(declared[1].decode()) if declared else _incremental("utf-8")


def _declared(label: str) -> codecs.IncrementalDecoder:
    """By the labels of the Encoding Standard: Python's would let a file choose `idna`. A META that
    names UTF-16 can be read, so it is wrong (HTML, 13.2.3.2).
    """
    encoding = webencodings.lookup(label)
    name = encoding.name if encoding else "replacement"
    if name == "replacement" or name.startswith("utf-"):
        return _incremental("utf-8")
    codec = webencodings.lookup(_SUPERSETS.get(name, name)).codec_info
    decoder: codecs.IncrementalDecoder = codec.incrementaldecoder("replace")
    return decoder


def _incremental(charset: str) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(charset)(_LENIENT if charset == "utf-8" else "replace")
