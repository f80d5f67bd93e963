"""The command ``dead-letters``: what operators see of dead letters, and do with them.

``list`` and ``show`` read; ``replay`` and ``drop`` change something, and therefore want to be told
what: ids, filters, or ``--all``. Dropping is for good, and must be confirmed.

Exit codes: 0 done; 1 an id that is not there, or some were not replayed; 2 wrong usage, or not
confirmed; 69 the broker does not answer; 78 wrong configuration. Whatever ends it, a dead letter is
either still there or has been replayed (`messaging.replay`), so the same command can be repeated.
"""

import argparse
import asyncio
import base64
import os
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

import orjson

from delinkcious.config import BrokerSettings
from delinkcious.messaging.broker import CONNECTION_ERRORS, Broker, Connection
from delinkcious.messaging.dead_letters import DeadLetter
from delinkcious.messaging.replay import DeadLetters, NotReplayable, Selection, names_of
from delinkcious.service import Command, Runtime, StartError

B = TypeVar("B", bound=BrokerSettings)

_CONNECT: Final = 5
_DONE, _INCOMPLETE, _USAGE = 0, 1, 2
_AGE: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ROW: Final = "{:>7}  {:<20}  {:<18} {:<22} {:<20} {:>5}  {:<36}  {}"
_HEADINGS: Final = ("NUMBER", "DIED", "CONSUMER", "SUBJECT", "KEY", "TRIES", "EVENT", "REASON")


def dead_letters(consumers: Sequence[str]) -> Command[B]:
    """Returns the command for the dead letters of a service's consumers."""

    async def run(runtime: Runtime[B], given: argparse.Namespace) -> None:
        """List, show, replay or drop the events that this service gave up on."""
        async with Broker.from_settings(runtime.settings) as broker:
            connection = await _connected(broker)
            chosen = [given.consumer] if given.consumer else consumers
            letters = DeadLetters(connection.jetstream, chosen)
            action: _Action = given.action
            status = await _answered(connection, action(letters, given))
        if status:
            raise SystemExit(status)

    return Command(partial(_arguments, consumers), run)


_Action = Callable[[DeadLetters, argparse.Namespace], Awaitable[int]]


async def _connected(broker: Broker) -> Connection:
    try:
        async with asyncio.timeout(_CONNECT):
            return await broker.wait_connected()
    except TimeoutError:
        raise StartError("the event broker does not answer") from None


async def _answered(connection: Connection, work: Awaitable[int]) -> int:
    async def awaited() -> int:
        return await work

    try:
        return await connection.attempt(awaited())
    except _NobodyReads:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere
        return _INCOMPLETE
    except CONNECTION_ERRORS as error:
        raise StartError(f"the event broker does not answer: {error or 'it takes long'}") from None


# The command line


def _arguments(consumers: Sequence[str], parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    common = _common(consumers)

    def add(name: str, action: _Action, text: str) -> argparse.ArgumentParser:
        subparser = actions.add_parser(name, help=text, description=text, parents=[common])
        subparser.set_defaults(action=action)
        return subparser

    add("list", _list, "List dead letters, a line each.").add_argument("ids", nargs="*", **_IDS)
    add("show", _show, "Show dead letters with their data.").add_argument("ids", nargs="+", **_IDS)
    replay = add("replay", _replay, "Give events to the consumer again that gave up on them.")
    drop = add("drop", _drop, "Remove dead letters for good.")
    drop.add_argument("--yes", action="store_true", help="do not ask")
    for subparser in (replay, drop):
        subparser.add_argument("ids", nargs="*", **_IDS)
        subparser.add_argument("--all", action="store_true", help="all that the filters leave")


_IDS: Final[dict[str, Any]] = {"metavar": "ID", "help": "number of a dead letter or id of an event"}


def _common(consumers: Sequence[str]) -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--consumer", choices=consumers, help="which gave up on them")
    common.add_argument("--subject", help="what they were published under, such as 'links.*'")
    common.add_argument("--older-than", type=_age, metavar="AGE", help="such as 90s, 30m, 2h, 7d")
    common.add_argument("--newer-than", type=_age, metavar="AGE", help="both since their death")
    common.add_argument("--json", action="store_true", help="print a JSON object a line")
    return common


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age such as 90s, 30m, 2h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _selection(given: argparse.Namespace) -> Selection:
    now = datetime.now(UTC)
    return Selection(
        ids=frozenset(identity.lower() for identity in given.ids),
        subject=given.subject,
        died_before=now - given.older_than if given.older_than else None,
        died_after=now - given.newer_than if given.newer_than else None,
    )


def _says_which(given: argparse.Namespace) -> bool:
    filters = (given.consumer, given.subject, given.older_than, given.newer_than)
    return bool(given.all or given.ids or any(filters))


# What it does


async def _list(letters: DeadLetters, given: argparse.Namespace) -> int:
    return await _print(letters, given, _summary, _row, heading=_ROW.format(*_HEADINGS))


async def _show(letters: DeadLetters, given: argparse.Namespace) -> int:
    return await _print(letters, given, _details, _page)


async def _print(
    letters: DeadLetters,
    given: argparse.Namespace,
    to_json: Callable[[DeadLetter], dict[str, Any]],
    to_text: Callable[[DeadLetter], str],
    *,
    heading: str = "",
) -> int:
    missing = set(_selection(given).ids)
    if heading and not given.json:
        _say(heading)
    async for letter in letters.find(_selection(given)):
        missing -= names_of(letter)
        _say(orjson.dumps(to_json(letter)).decode() if given.json else to_text(letter))
    return _complain_of(missing)


async def _replay(letters: DeadLetters, given: argparse.Namespace) -> int:
    async def replay(letter: DeadLetter) -> str | None:
        try:
            await letters.replay(letter)
        except NotReplayable as error:
            return str(error)
        return None

    return await _change(letters, given, "replayed", replay)


async def _drop(letters: DeadLetters, given: argparse.Namespace) -> int:
    async def drop(letter: DeadLetter) -> None:
        await letters.drop(letter)

    return await _change(letters, given, "dropped", drop)


async def _change(
    letters: DeadLetters,
    given: argparse.Namespace,
    done: str,
    change: Callable[[DeadLetter], Awaitable[str | None]],
) -> int:
    """Changes those that are meant; tells of each what became of it."""
    if not _says_which(given):
        print("say which: ids, filters, or --all", file=sys.stderr)
        return _USAGE
    numbers = await letters.numbers(_selection(given))
    if numbers and done == "dropped" and not await _confirmed(len(numbers), given):
        return _USAGE
    missing, failed = set(_selection(given).ids), 0
    for number in numbers:
        letter = await letters.get(number)
        if letter is None:  # another operator was quicker
            continue
        missing -= names_of(letter)
        problem = await change(letter)
        failed += problem is not None
        _tell(letter, done, problem, as_json=given.json)
    return _complain_of(missing) or (_INCOMPLETE if failed else _DONE)


async def _confirmed(number: int, given: argparse.Namespace) -> bool:
    if given.yes:
        return True
    if not sys.stdin.isatty():
        print(f"nothing dropped: say --yes to drop {number} for good", file=sys.stderr)
        return False
    print(f"Drop {number} for good? [y/N] ", end="", file=sys.stderr, flush=True)
    answer = await asyncio.to_thread(sys.stdin.readline)  # the connection needs the loop meanwhile
    return answer.strip().lower() in {"y", "yes"}


def _complain_of(missing: set[str]) -> int:
    for identity in sorted(missing):
        print(f"there is no dead letter {identity}", file=sys.stderr)
    return _INCOMPLETE if missing else _DONE


# How it looks


class _NobodyReads(Exception):
    """The other end of the pipe is closed, such as by ``head``."""


def _say(line: str) -> None:
    try:
        print(line, flush=True)
    except BrokenPipeError:
        raise _NobodyReads from None


def _tell(letter: DeadLetter, done: str, problem: str | None, *, as_json: bool) -> None:
    result = "failed" if problem else done
    if as_json:
        line = {**_summary(letter), "result": result, "detail": problem}
        _say(orjson.dumps(line).decode())
    else:
        _say(f"{result} {_row(letter).strip()}{f': {problem}' if problem else ''}")


def _summary(letter: DeadLetter) -> dict[str, Any]:
    return {
        "number": letter.number,
        "died_at": letter.died_at,
        "consumer": letter.consumer,
        "subject": letter.subject,
        "key": letter.event.key if letter.event else None,
        "event_id": letter.event_id,
        "happened_at": letter.event.time if letter.event else None,
        "stream": letter.stream,
        "sequence": letter.sequence,
        "deliveries": letter.deliveries,
        "reason": letter.reason,
    }


def _details(letter: DeadLetter) -> dict[str, Any]:
    """What there is to know of it; what is no JSON is shown in base64."""
    try:
        data: dict[str, Any] = {"data": orjson.loads(letter.payload)}
    except orjson.JSONDecodeError:
        data = {"data": None, "payload": base64.b64encode(letter.payload).decode()}
    return {**_summary(letter), "headers": dict(letter.headers), **data}


def _row(letter: DeadLetter) -> str:
    fields = (
        letter.number,
        letter.died_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        letter.consumer,
        letter.subject,
        letter.event.key if letter.event else "-",
        letter.deliveries,
        letter.event_id or "-",
        letter.reason,
    )
    return _ROW.format(*(_printable(str(field)) for field in fields))


def _page(letter: DeadLetter) -> str:
    return orjson.dumps(_details(letter), option=orjson.OPT_INDENT_2).decode()


def _printable(text: str) -> str:
    """Returns the text without what could command a terminal; events hold what users wrote."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
