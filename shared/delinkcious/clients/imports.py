"""The imports and exports of the link service from afar."""

import secrets
from collections.abc import Iterable, Iterator
from typing import Final

from delinkcious.http.client import HttpClient, StreamedReply
from delinkcious.object_model.imports import FileFormat, ImportJob, ImportPage, NewImport
from delinkcious.object_model.paging import DEFAULT_PAGE_SIZE

_LONGEST_NAME: Final = 255
_HEAD: Final = """\
--{boundary}\r
Content-Disposition: form-data; name="file"\r
Content-Type: {content_type}\r
\r
"""
_NO_TYPE: Final = "application/octet-stream"


class ImportClient:
    """An `ImportManager` that is another process."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def start_import(self, username: str, new: NewImport, content: Iterable[bytes]) -> ImportJob:
        """Passes the file on as it comes, in a form, because that says where it ends (ADR-0023)."""
        boundary = secrets.token_hex(16)
        reply = self._http.upload(
            "POST",
            "/imports",
            _form(content, new.content_type or _NO_TYPE, boundary),
            f"multipart/form-data; boundary={boundary}",
            query={
                "username": username,
                "filename": (new.filename or "")[-_LONGEST_NAME:].replace("\0", ""),
                "format": new.format,
                "policy": new.policy,
                "folders_as_tags": "true" if new.folders_as_tags else None,
                "visibility": new.visibility,
            },
        )
        return ImportJob.from_json(reply.json())

    def get_import(self, username: str, number: int) -> ImportJob:
        reply = self._http.get(f"/imports/{number}", {"username": username})
        return ImportJob.from_json(reply.json())

    def get_imports(
        self, username: str, start_token: str | None = None, page_size: int = DEFAULT_PAGE_SIZE
    ) -> ImportPage:
        query = {"username": username, "start_token": start_token, "page_size": page_size}
        page = self._http.get("/imports", query).json()
        imports = [ImportJob.from_json(job) for job in page["imports"]]
        return ImportPage(imports, page["next_page_token"])

    def cancel_import(self, username: str, number: int) -> ImportJob:
        query = {"username": username}
        reply = self._http.request("DELETE", f"/imports/{number}", query=query, retry=True)
        return ImportJob.from_json(reply.json())

    def export(self, username: str, file_format: FileFormat, q: str | None = None) -> StreamedReply:
        query = {"username": username, "format": file_format, "q": q}
        return self._http.stream("/export", query)


def _form(content: Iterable[bytes], content_type: str, boundary: str) -> Iterator[bytes]:
    """Returns a file as the only field of a form (RFC 7578)."""
    yield _HEAD.format(boundary=boundary, content_type=" ".join(content_type.split())).encode()
    yield from content
    yield f"\r\n--{boundary}--\r\n".encode()
