"""``python -m tests.resilience``: breaks the platform in a random order, and looks what is left.

For each seed, while several users work: every role of every service and every server is killed,
alone and in pairs; the broker is stopped for a while, Redis emptied, the link checker frozen. Once
all has settled, nothing that was acknowledged may be missing, and the stores have to agree.
"""

import argparse
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import combinations
from pathlib import Path
from time import monotonic
from typing import Final

from delinkcious.testing.waiting import wait_until
from tests.resilience.load import User
from tests.support.api import Api
from tests.support.compose import ComposeStack, machine
from tests.support.stack import Stack
from tests.support.web import website

SEEDS: Final = 3
USERS: Final = 4
PAIRS: Final = 2
NATS_AWAY: Final = 60.0
NATS_BLINKS: Final = 10.0
FROZEN: Final = 8.0
BETWEEN: Final = 1.5
SETTLE: Final = 180.0
RECOVERY: Final = 60.0

Part = tuple[str, str]
SERVERS: Final[tuple[Part, ...]] = (("nats", ""), ("redis", ""), ("postgres", ""))


def main() -> int:
    """Runs every seed on one platform; returns the exit status."""
    options = _parser().parse_args()
    first = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    platform = containers if options.containers else local_stack
    with platform() as (stack, page):
        wrong = sum(
            Trial(stack, page, seed, NATS_AWAY if seed == first else NATS_BLINKS).run()
            for seed in range(first, first + options.rounds)
        )
    return 1 if wrong else 0


@contextmanager
def local_stack() -> Iterator[tuple[Stack, str]]:
    """Runs the platform as ``make run`` does; and the pages that are saved."""
    with tempfile.TemporaryDirectory(prefix="delinkcious-resilience-") as folder, website() as page:
        Path(folder).chmod(0o755)
        stack = Stack(Path(folder) / "local")
        stack.start()
        try:
            yield stack, page
        finally:
            stack.stop()


@contextmanager
def containers() -> Iterator[tuple[ComposeStack, str]]:
    """Runs the platform as ``make up`` does; and the pages that are saved."""
    stack = ComposeStack()
    with website(machine()) as page:
        try:
            stack.start()
            yield stack, page
        finally:
            stack.remove()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.resilience", description=__doc__)
    parser.add_argument("--rounds", type=int, default=SEEDS, help="how many seeds (%(default)s)")
    parser.add_argument("--containers", action="store_true", help="break containers of compose")
    parser.add_argument("--seed", type=int, help="the first seed (default: a random one)")
    return parser


class Trial:
    """One seed: its users do and suffer the same in the same order, if not at the same time."""

    def __init__(self, stack: Stack | ComposeStack, page: str, seed: int, nats_away: float) -> None:
        self._stack = stack
        self._nats_away = nats_away
        self._seed = seed
        self._random = random.Random(seed)
        self._kills: Counter[str] = Counter()
        self._emptied: datetime | None = None
        names = [f"user-{seed}-{number}" for number in range(USERS)]
        self._users = [
            User(
                Api.login(stack.gateway, name),
                [other for other in names if other != name],
                page,
                random.Random(f"{seed} {name}"),
            )
            for name in names
        ]

    def run(self) -> int:
        """Returns how much is wrong in the end."""
        print(f"seed {self._seed}", flush=True)
        stop = threading.Event()
        workers = [threading.Thread(target=user.work, args=[stop]) for user in self._users]
        for worker in workers:
            worker.start()
        try:
            for mishap in self._mishaps():
                mishap()
                wait_until(self._stack.all_ready, timeout=RECOVERY)
                self._go_on(BETWEEN)
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        return self._judge()

    def _mishaps(self) -> list[Callable[[], None]]:
        services = [(p["name"], p["role"]) for p in self._stack.read()["processes"]]
        services = [part for part in services if part[0] != "identity-provider"]
        parts = [*services, *SERVERS]
        pairs = self._random.sample(list(combinations(parts, 2)), PAIRS)
        mishaps: list[Callable[[], None]] = [partial(self._kill, part) for part in parts]
        mishaps += [partial(self._kill, *pair) for pair in pairs]
        mishaps += [self._freeze_checker, self._empty_redis, self._crash_in_a_batch]
        self._random.shuffle(mishaps)
        return [self._stop_nats, *mishaps]

    def _kill(self, *parts: Part) -> None:
        print(f"    kill -9 {' and '.join('-'.join(filter(None, part)) for part in parts)}")
        threads = [threading.Thread(target=self._stack.kill, args=part) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._kills.update(name for name, _ in parts)

    def _stop_nats(self) -> None:
        print(f"    nats stopped for {self._nats_away:.0f} s")
        self._stack.control("stop", ("nats", ""))
        self._go_on(self._nats_away)
        self._stack.control("start", ("nats", ""))

    def _freeze_checker(self) -> None:
        print(f"    link-checker frozen for {FROZEN:.0f} s")
        thaw = self._stack.freeze(("link-checker", "work"))
        self._go_on(FROZEN)
        thaw()

    def _empty_redis(self) -> None:
        print("    redis emptied")
        self._stack.empty_redis()
        self._emptied = datetime.now(UTC)

    def _crash_in_a_batch(self) -> None:
        """Kills the news worker while it has a pile of events before it."""
        print("    news-manager-work killed in the middle of a pile of events")
        thaw = self._stack.freeze(("news-manager", "work"))
        self._go_on(BETWEEN)
        thaw()
        self._stack.kill("news-manager", "work")
        self._kills["news-manager"] += 1

    def _go_on(self, seconds: float) -> None:
        """Lets the load go on for a while: what is measured is time under load, not a condition."""
        threading.Event().wait(seconds)

    def _judge(self) -> int:
        started, found = monotonic(), ["not looked yet"]

        def settled() -> bool:
            nonlocal found
            found = self._stack.differences(self._emptied)
            return not found

        with suppress(TimeoutError):
            wait_until(settled, timeout=SETTLE)
        for user in self._users:
            user.look()
        lost = [problem for user in self._users for problem in user.lost]
        for problem in [*found, *lost]:
            print(f"    WRONG {problem}")
        done = sum((user.done for user in self._users), Counter[str]())
        print(
            f"    {sum(done.values()) - done['refused']} operations acknowledged"
            f" ({dict(done)}), {self._kills.total()} kills, {self._redeliveries()} redeliveries,"
            f" settled in {monotonic() - started:.1f} s: {len(lost)} writes lost,"
            f" {len(found)} differences",
            flush=True,
        )
        return len(lost) + len(found)

    def _redeliveries(self) -> int:
        """Events that came again, as the workers that run now have counted them."""
        total = 0.0
        for process in self._stack.read()["processes"]:
            if process["role"] != "work":
                continue
            text = self._stack.management(process["name"], "work", "/metrics").text
            total += sum(
                float(line.rsplit(" ", 1)[1])
                for line in text.splitlines()
                if line.startswith("delinkcious_") and "redeliver" in line.split("{")[0]
                and "_total" in line.split("{")[0]
            )  # fmt: skip
        return int(total)


if __name__ == "__main__":
    sys.exit(main())
