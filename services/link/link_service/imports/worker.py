"""Imports the files that wait, one after the other.

A file is read as a stream, and its rows are stored some hundred at a time. What ends in between,
by a crash or because the process is to stop, another worker takes up: it reads the file anew and
leaves out the rows that are done.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Final

import structlog

from delinkcious.errors import Unavailable
from delinkcious.object_model.imports import ImportStatus, RowProblem
from link_service.formats import Row, UnreadableFile, read
from link_service.imports.batch import Prepared, prepare
from link_service.imports.rows import to_rows
from link_service.imports.store import Claim, Lost, PostgresImportStore
from link_service.live import Features

logger = structlog.get_logger()

_Batch = tuple[Prepared, int]

MAX_ROWS: Final = 500_000
"""Several times the links that anybody may have: a file may name each of them several times."""

_ROWS_AT_ONCE: Final = 500
_LOOK: Final = 0.5
_OUR_MISTAKE: Final = "Something went wrong on our side; it has been recorded."


class _Counted:
    """The chunks of a file, and how many bytes of them were taken."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.bytes_read = 0
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.bytes_read += len(chunk)
            yield chunk


class ImportWorker:
    """Imports what waits until it is told to stop.

    Args:
        features: returns what is switched on: without imports, files wait, also half-read ones.
    """

    def __init__(
        self, store: PostgresImportStore, features: Callable[[], Features] = Features
    ) -> None:
        self._store = store
        self._features = features
        self._stop = threading.Event()
        self._reader = ThreadPoolExecutor(1, "import-reader")

    async def run(self, stop: asyncio.Event) -> None:
        """Looks for imports now and then, and works on each to its end."""
        while not stop.is_set():
            work = asyncio.create_task(asyncio.to_thread(self._import_next))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                self._stop.set()
            stopping.cancel()
            if not await work:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _LOOK)

    def _import_next(self) -> bool:
        """Imports the file whose turn it is; tells whether there was one."""
        if not self._features().imports:
            return False
        try:
            claim = self._store.claim()
            if claim is None:
                return False
            self._work_on(claim)
        except Unavailable as error:
            logger.warning("import_waits", reason=error.detail)
            return False
        return True

    def _work_on(self, claim: Claim) -> None:
        logger.info("import_begun", import_id=claim.id, format=claim.format, done=claim.rows_done)
        try:
            if self._import(claim):
                self._store.finish(claim, ImportStatus.DONE)
                logger.info("import_done", import_id=claim.id)
            else:
                self._store.release(claim)
        except Lost:
            logger.info("import_lost", import_id=claim.id)
            self._store.drop_files()
        except UnreadableFile as error:
            self._store.finish(claim, ImportStatus.FAILED, RowProblem(0, error.detail))
            logger.info("import_failed", import_id=claim.id)
        except Unavailable:
            with suppress(Unavailable):
                self._store.release(claim)
            raise
        except Exception:
            # Whatever it is, it would come again, and nothing else would be imported.
            self._store.finish(claim, ImportStatus.FAILED, RowProblem(0, _OUR_MISTAKE))
            logger.exception("import_failed", import_id=claim.id)

    def _import(self, claim: Claim) -> bool:
        """Stores the rows of a file; returns False if it is to stop before the end."""
        chunks = _Counted(self._store.chunks(claim))
        rows = read(claim.format, chunks, folders_as_tags=claim.folders_as_tags)
        for _ in islice(rows, claim.rows_done):
            pass
        for batch, bytes_read in self._ahead(_batches(rows, claim, chunks)):
            if self._stop.is_set() or not self._features().imports:
                return False
            self._store.advance(claim, batch, bytes_read)
        return True

    def _ahead(self, batches: Iterator[_Batch]) -> Iterator[_Batch]:
        """Prepares one batch while another is stored, which is for the most part waiting."""
        coming = self._reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = self._reader.submit(next, batches, None)
            yield batch


def _batches(rows: Iterator[Row], claim: Claim, chunks: _Counted) -> Iterator[_Batch]:
    number = claim.rows_done
    while True:
        some, unreadable = _some(rows)
        if some:
            number += len(some)
            prepared = prepare(claim.username, to_rows(some, claim.visibility))
            yield prepared, chunks.bytes_read
        if unreadable:
            raise unreadable
        if number > MAX_ROWS:
            raise UnreadableFile.of("file", f"has more than {MAX_ROWS} rows; the rest was left out")
        if not some:
            return


def _some(rows: Iterator[Row]) -> tuple[list[Row], UnreadableFile | None]:
    """Returns the next rows, and what is wrong with the file behind them."""
    some: list[Row] = []
    try:
        some.extend(islice(rows, _ROWS_AT_ONCE))
    except UnreadableFile as error:
        return some, error
    return some, None
