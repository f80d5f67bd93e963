"""Imports on Postgres: the files that were given, and how far each is. SQL and nothing else."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from psycopg import Connection, errors
from psycopg.rows import dict_row

from delinkcious.database import Database
from delinkcious.errors import FailedPrecondition, NotFound
from delinkcious.live import Varying, now
from delinkcious.object_model.imports import (
    MAX_IMPORT_ERRORS,
    FileFormat,
    ImportJob,
    ImportPage,
    ImportPolicy,
    ImportStatus,
    NewImport,
    RowProblem,
)
from delinkcious.object_model.links import Visibility
from delinkcious.object_model.paging import decode_token, encode_token
from link_service.imports.batch import Batch, Prepared, Stored
from link_service.transaction import PostgresLinkTransaction

WAITING_AT_ONCE: Final = 5
"""How many imports a user may have that have not ended."""

_LEASE: Final = "30 seconds"
_ABANDONED: Final = "1 hour"
_KEPT: Final = "30 days"

_JOB: Final = """
    id, status, format, policy, added, merged, skipped, failed, errors, created_at, finished_at,
    CASE WHEN status = 'done' THEN 1 ELSE bytes_read::float8 / greatest(size, 1) END AS progress
"""
_CREATE: Final = """
    INSERT INTO imports (username, status, format, policy, folders_as_tags, visibility)
    SELECT %(username)s, 'receiving', %(format)s, %(policy)s, %(folders_as_tags)s, %(visibility)s
    WHERE (
        SELECT count(*) FROM imports WHERE username = %(username)s AND finished_at IS NULL
    ) < %(at_once)s
    RETURNING id
"""
_APPEND: Final = "INSERT INTO import_chunks (import_id, position, data) VALUES (%s, %s, %s)"
_RECEIVED: Final = f"""
    UPDATE imports SET status = 'queued', size = %s WHERE id = %s RETURNING {_JOB}
"""
_GET: Final = f"""
    SELECT {_JOB} FROM imports WHERE username = %s AND id = %s AND status <> 'receiving'
"""
_LIST: Final = f"""
    SELECT {_JOB} FROM imports
    WHERE username = %s AND id < %s AND status <> 'receiving' ORDER BY id DESC LIMIT %s
"""
_CANCEL: Final = """
    UPDATE imports SET status = 'cancelled', finished_at = now(), lease_until = NULL
    WHERE username = %s AND id = %s AND status IN ('queued', 'running')
"""
# Everybody's first one, then everybody's second one: who has many large files imported lets those
# with a single small one go ahead.
_CLAIM: Final = f"""
    UPDATE imports SET status = 'running', lease = lease + 1,
                       lease_until = now() + interval '{_LEASE}'
    WHERE id = (
        SELECT id FROM imports i
        WHERE status = 'queued' OR (status = 'running' AND lease_until < now())
        ORDER BY (
            SELECT count(*) FROM imports earlier
            WHERE earlier.username = i.username AND earlier.id < i.id
              AND (earlier.finished_at IS NULL OR earlier.finished_at > i.created_at)
        ), id
        FOR UPDATE SKIP LOCKED LIMIT 1
    )
    RETURNING id, username, format, policy, folders_as_tags, visibility, rows_done, lease
"""
_CHUNK: Final = "SELECT data FROM import_chunks WHERE import_id = %s AND position = %s"
_ADVANCE: Final = f"""
    UPDATE imports SET rows_done = rows_done + %(taken)s, bytes_read = %(bytes_read)s,
        added = added + %(added)s, merged = merged + %(merged)s, skipped = skipped + %(skipped)s,
        failed = failed + %(failed)s,
        errors = CASE WHEN jsonb_array_length(errors) < {MAX_IMPORT_ERRORS}
                      THEN errors || %(problems)s::jsonb ELSE errors END,
        lease_until = now() + interval '{_LEASE}'
    WHERE id = %(id)s AND status = 'running' AND lease = %(lease)s
    RETURNING jsonb_array_length(errors)
"""
_TRIM: Final = f"""
    UPDATE imports SET errors = (
        SELECT coalesce(jsonb_agg(error ORDER BY place), '[]')
        FROM jsonb_array_elements(errors) WITH ORDINALITY AS e (error, place)
        WHERE place <= {MAX_IMPORT_ERRORS}
    ) WHERE id = %s
"""
_FINISH: Final = """
    UPDATE imports SET status = %(status)s, finished_at = now(), lease_until = NULL,
                       errors = errors || %(problems)s::jsonb
    WHERE id = %(id)s AND status = 'running' AND lease = %(lease)s
"""
_RELEASE: Final = """
    UPDATE imports SET lease_until = now() WHERE id = %s AND status = 'running' AND lease = %s
"""
_DROP_FILES: Final = """
    DELETE FROM import_chunks USING imports i
    WHERE i.id = import_id AND i.finished_at IS NOT NULL
"""
_FORGET: Final = f"""
    DELETE FROM imports
    WHERE finished_at < now() - interval '{_KEPT}'
       OR (status = 'receiving' AND created_at < now() - interval '{_ABANDONED}')
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """An import that a worker has taken on.

    Attributes:
        rows_done: how many rows of the file are stored already.
        lease: of this claim; the next one has another.
    """

    id: int
    username: str
    format: FileFormat
    policy: ImportPolicy
    folders_as_tags: bool
    visibility: Visibility
    rows_done: int
    lease: int


class Lost(Exception):
    """The import was cancelled, or another worker has it."""


class PostgresImportStore:
    """Keeps imports in Postgres.

    Args:
        limit: how many links a user may have.
    """

    def __init__(self, database: Database, limit: Varying[int]) -> None:
        self._database = database
        self._limit = limit

    def receive(
        self, username: str, new: NewImport, file_format: FileFormat, chunks: Iterable[bytes]
    ) -> ImportJob:
        """Stores a file while it comes, each chunk for itself: whoever sends may take his time.

        Raises:
            FailedPrecondition: too many imports of the user have not ended.
            NotFound: the account is being deleted.
        """
        number = self._create(username, new, file_format)
        try:
            size = 0
            for position, chunk in enumerate(chunks):
                with self._database.connection() as connection:
                    connection.execute(_APPEND, [number, position, chunk])
                size += len(chunk)
            with self._database.connection() as connection:
                return _job(_one(connection, _RECEIVED, [size, number]))
        except errors.ForeignKeyViolation:
            raise _no_such_import() from None
        except BaseException:
            with self._database.connection() as connection:
                connection.execute("DELETE FROM imports WHERE id = %s", [number])
            raise

    def get(self, username: str, number: int) -> ImportJob:
        """Returns an import.

        Raises:
            NotFound: the user has none of that number.
        """
        with self._database.connection() as connection:
            return _job(_one(connection, _GET, [username, number]))

    def get_page(self, username: str, start_token: str | None, page_size: int) -> ImportPage:
        """Returns a page of imports, newest first."""
        before = decode_token(start_token, (int,))[0] if start_token else 2**63 - 1
        with (
            self._database.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            cursor.execute(_LIST.encode(), [username, before, page_size + 1])
            jobs = [_job(row) for row in cursor]
        token = encode_token(jobs[page_size - 1].id) if len(jobs) > page_size else None
        return ImportPage(jobs[:page_size], token)

    def cancel(self, username: str, number: int) -> ImportJob:
        """Ends an import unless it has ended; see `get`."""
        with self._database.connection() as connection:
            connection.execute(_CANCEL, [username, number])
        return self.get(username, number)

    def claim(self) -> Claim | None:
        """Takes on the import whose turn it is, if any waits: users take turns."""
        with (
            self._database.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            row = cursor.execute(_CLAIM.encode()).fetchone()
        if row is None:
            return None
        return Claim(
            **{
                **row,
                "format": FileFormat(row["format"]),
                "policy": ImportPolicy(row["policy"]),
                "visibility": Visibility(row["visibility"]),
            }
        )

    def chunks(self, claim: Claim) -> Iterator[bytes]:
        """Returns the file, a chunk at a time."""
        position = 0
        while True:
            with self._database.connection() as connection:
                row = connection.execute(_CHUNK, [claim.id, position]).fetchone()
            if row is None:
                return
            yield bytes(row[0])
            position += 1

    def advance(self, claim: Claim, prepared: Prepared, bytes_read: int) -> None:
        """Stores rows and how far the file is read, in one transaction.

        Raises:
            Lost: nothing was stored, for the import is no longer ours.
        """
        with self._database.transaction() as connection:
            try:
                limit = now(self._limit)
                batch = Batch(connection, claim.username, claim.id, claim.policy, limit)
            except NotFound:
                raise Lost from None  # with the account
            stored = batch.store(prepared)
            self._count(connection, claim, prepared.rows.taken, stored, bytes_read)

    def finish(self, claim: Claim, status: ImportStatus, problem: RowProblem | None = None) -> None:
        """Ends an import."""
        parameters = {
            "id": claim.id,
            "lease": claim.lease,
            "status": status.value,
            "problems": _json([problem] if problem else []),
        }
        with self._database.transaction() as connection:
            connection.execute(_FINISH, parameters)
            connection.execute(_TRIM.encode(), [claim.id])
        self.drop_files()

    def release(self, claim: Claim) -> None:
        """Leaves an import to the next worker, who goes on where this one was."""
        with self._database.connection() as connection:
            connection.execute(_RELEASE, [claim.id, claim.lease])

    def drop_files(self) -> None:
        """Removes the files of imports that have ended, and forgets those that ended long ago."""
        with self._database.connection() as connection:
            connection.execute(_DROP_FILES)
            connection.execute(_FORGET.encode())

    def _create(self, username: str, new: NewImport, file_format: FileFormat) -> int:
        parameters = {
            "username": username,
            "format": file_format.value,
            "policy": new.policy.value,
            "folders_as_tags": new.folders_as_tags,
            "visibility": new.visibility.value,
            "at_once": WAITING_AT_ONCE,
        }
        with self._database.transaction() as connection:
            PostgresLinkTransaction(connection, username)  # refuses users that are being deleted
            row = connection.execute(_CREATE, parameters).fetchone()
        if row is None:
            raise FailedPrecondition(
                f"{WAITING_AT_ONCE} of your imports have not ended; wait for them or cancel one."
            )
        return int(row[0])

    def _count(
        self, connection: Connection[Any], claim: Claim, taken: int, stored: Stored, bytes_read: int
    ) -> None:
        row = connection.execute(
            _ADVANCE.encode(),
            {
                "id": claim.id,
                "lease": claim.lease,
                "taken": taken,
                "bytes_read": bytes_read,
                "added": stored.added,
                "merged": stored.merged,
                "skipped": stored.skipped,
                "failed": stored.failed,
                "problems": _json(stored.problems[:MAX_IMPORT_ERRORS]),
            },
        ).fetchone()
        if row is None:
            raise Lost
        if row[0] > MAX_IMPORT_ERRORS:
            connection.execute(_TRIM.encode(), [claim.id])


def _one(connection: Connection[Any], statement: str, parameters: list[Any]) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        row: dict[str, Any] | None = cursor.execute(statement.encode(), parameters).fetchone()
    if row is None:
        raise _no_such_import()
    return row


def _no_such_import() -> NotFound:
    return NotFound("You have no such import.")


def _job(row: dict[str, Any]) -> ImportJob:
    return ImportJob(
        **{
            **row,
            "status": ImportStatus(row["status"]),
            "format": FileFormat(row["format"]),
            "policy": ImportPolicy(row["policy"]),
            "errors": tuple(RowProblem(**error) for error in row["errors"] or ()),
        }
    )


def _json(problems: Iterable[RowProblem]) -> str:
    return orjson.dumps(list(problems)).decode()
