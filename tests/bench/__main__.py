"""``python -m tests.bench``: measures a local stack of its own and says what it found."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import psycopg
import requests

from delinkcious.object_model.links import LinkQuery
from delinkcious.testing.waiting import free_port, wait_until
from link_service.queries import page_of_links
from tests.bench.database import database_of
from tests.bench.load import Load, generate
from tests.bench.report import say
from tests.support.api import Api
from tests.support.stack import ROOT, Stack

CONNECTIONS = 16
ROUNDS = 5
SECONDS = 4
GATEWAY_THREADS = 16
LINK_THREADS = 4
LINKS = 100
FOLLOWERS = 10_000
ADDS = 200
MIB = 1024 * 1024


def main() -> None:
    """Runs every measurement and prints one line for each target."""
    with tempfile.TemporaryDirectory(prefix="delinkcious-bench-") as folder:
        Path(folder).chmod(0o755)
        started = perf_counter()
        stack = Stack(Path(folder) / "local")
        stack.start()
        say("make run to ready (new data)", f"{perf_counter() - started:.1f} s", "under 15 s")
        try:
            size(stack)
            reading(stack)
            adding(stack)
        finally:
            stack.stop()


def size(stack: Stack) -> None:
    """Memory of the idle stack: each page counted once (PSS)."""
    memory = sum(process.memory_full_info().pss for process in stack.processes()) / MIB
    say("memory of the idle stack", f"{memory:.0f} MiB", "under 1229 MiB")


def reading(stack: Stack) -> None:
    """Twenty links by token through the gateway, beside a constant of the same size and beside the
    same two hops with nothing around them.
    """
    user = Api.login(stack.gateway, "bench-reader")
    for number in range(LINKS):
        fields = {"title": f"Title {number}", "description": "d" * 80, "tags": ["a", "b", "c"]}
        user.add(f"http://bench.example/{number}", **fields)
    url = f"{stack.gateway}/v1/links?page_size=20"
    headers = [f"Authorization: Bearer {user.token}"]
    body = user.send("GET", "/v1/links", params={"page_size": 20}).content
    with floor("constant", body) as constant, hops(stack, user) as bare:
        rounds = [
            (measure(constant, []), measure(bare, []), measure(url, headers)) for _ in range(ROUNDS)
        ]
    for number, name in enumerate(("a constant", "two bare hops", "20 links")):
        rates = [each[number].requests_per_second for each in rounds]
        print(f"    {name}: {min(rates):.0f} to {max(rates):.0f} requests/s")

    def ratio(number: int) -> float:
        return statistics.median(
            each[2].requests_per_second / each[number].requests_per_second for each in rounds
        )

    tail = statistics.median(ours.quantile(0.99) / ours.quantile(0.5) for *_, ours in rounds)
    say("reading 20 links, of half the floor", f"{ratio(0) * 2:.0%}", "at least 35 %")
    say("    of two bare hops", f"{ratio(1):.0%}", "35 of 45, which is 78 %")
    say("its p99 over its median", f"{tail:.1f}", "under 5")


def measure(url: str, headers: list[str]) -> Load:
    """Loads a URL after a short warm-up."""
    generate(url, connections=CONNECTIONS, seconds=1, headers=headers)
    return generate(url, connections=CONNECTIONS, seconds=SECONDS, headers=headers)


@contextmanager
def hops(stack: Stack, user: Api) -> Iterator[str]:
    """Serves the page of a user from the platform's own database, by two processes."""
    statement = page_of_links(LinkQuery(user.username))
    wanted = {
        "database": database_of(stack, "link_manager"),
        "sql": statement.sql.decode(),
        "parameters": statement.parameters,
    }
    with (
        floor("page", json.dumps(wanted).encode(), LINK_THREADS, processor=1) as page,
        floor("pass-on", page.encode()) as url,
    ):
        yield url


@contextmanager
def floor(
    what: str, given: bytes, threads: int = GATEWAY_THREADS, processor: int = 0
) -> Iterator[str]:
    """Serves one of the floors in a process of its own, like every service of the local stack."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.floor", what, *map(str, (port, threads, processor))],
        cwd=ROOT,
        stdin=subprocess.PIPE,
    )
    if server.stdin is not None:
        server.stdin.write(given)
        server.stdin.close()
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_until(lambda: answers(url), timeout=20)
        yield url
    finally:
        server.terminate()
        server.wait()


def answers(url: str) -> bool:
    """Tells whether a server is there."""
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


def adding(stack: Stack) -> None:
    """Latency of adding a link, for an author with followers and one with none, in turn."""
    popular, lonely = (Api.login(stack.gateway, f"bench-{name}") for name in ("popular", "lonely"))
    give_followers(stack, popular.username, FOLLOWERS)
    times: dict[str, list[float]] = {popular.username: [], lonely.username: []}
    with requests.Session() as session:
        for number in range(ADDS):
            for user in (popular, lonely):
                started = perf_counter()
                session.post(
                    f"{stack.gateway}/v1/links",
                    json={"url": f"http://{user.username}.example/{number}"},
                    headers={"Authorization": f"Bearer {user.token}"},
                    timeout=30,
                ).raise_for_status()
                times[user.username].append(perf_counter() - started)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"    {name}: median {median * 1000:.2f} ms")
    ratio = medians[popular.username] / medians[lonely.username]
    say(f"adding with {FOLLOWERS} followers over none", f"{ratio:.2f}", "within 1.1")


def give_followers(stack: Stack, username: str, number: int) -> None:
    """Puts followers into the social graph's database; by its API it would take minutes."""
    with psycopg.connect(database_of(stack, "social_graph_manager")) as connection:
        connection.execute(
            "INSERT INTO follows (followed, follower)"
            " SELECT %s, 'bench-follower-' || n FROM generate_series(1, %s) n",
            [username, number],
        )


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
