"""The use cases of imports and exports; see `delinkcious.object_model.imports.ImportManager`."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Final

from delinkcious.object_model.imports import (
    FileFormat,
    ImportJob,
    ImportPage,
    NewImport,
)
from delinkcious.object_model.links import Link, LinkPage, LinkQuery
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from link_service import formats
from link_service.imports.store import PostgresImportStore
from link_service.ports import LinkStore

_ENOUGH_TO_TELL: Final = 1024


class ImportManager:
    """Takes in files of links and gives them out."""

    def __init__(self, imports: PostgresImportStore, links: LinkStore) -> None:
        self._imports = imports
        self._links = links

    def start_import(self, username: str, new: NewImport, content: Iterable[bytes]) -> ImportJob:
        chunks = iter(content)
        start = _start(chunks)
        file_format = new.format or formats.detect(new.content_type, new.filename, start)
        return self._imports.receive(username, new, file_format, chain([start], chunks))

    def get_import(self, username: str, number: int) -> ImportJob:
        return self._imports.get(username, number)

    def get_imports(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> ImportPage:
        return self._imports.get_page(username, start_token, page_size)

    def cancel_import(self, username: str, number: int) -> ImportJob:
        return self._imports.cancel(username, number)

    def export(
        self, username: str, file_format: FileFormat, q: str | None = None
    ) -> Iterator[bytes]:
        query = LinkQuery(username, q=q, page_size=MAX_PAGE_SIZE)
        first = self._links.get_links(query)  # now, so that a wrong query is refused and not begun
        return formats.write(file_format, self._links_from(query, first))

    def _links_from(self, query: LinkQuery, page: LinkPage) -> Iterator[Link]:
        while True:
            yield from page.links
            token = page.next_page_token
            if token is None:
                return
            page = self._links.get_links(replace(query, start_token=token))


def _start(chunks: Iterator[bytes]) -> bytes:
    """Returns the first chunks, enough to tell a format by."""
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= _ENOUGH_TO_TELL:
            break
    return start
