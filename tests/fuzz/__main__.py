"""Tries every REST API for long: ``python -m tests.fuzz --examples 200 --seed 7``.

It starts its own database server. First come requests that are made up from the documents, then the
whole corpus of injections in every parameter; both to the services themselves, and to the gateway
with the services behind it.
"""

import logging
import secrets
import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from time import monotonic

import structlog

from delinkcious.testing.databases import databases
from delinkcious.testing.infrastructure import infrastructure
from tests.fuzz import apis
from tests.fuzz.apis import Api
from tests.fuzz.explore import document_of, explore
from tests.injection.attack import GOOD, attack, losses, settle
from tests.injection.corpus import payloads
from tests.injection.places import places
from tests.support.platform import Stores, managers, platform, stores


def main() -> int:
    """Says what was found, and tells with its exit code whether that was anything."""
    wanted = _arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    warnings.simplefilter("ignore")  # threads of the services make hypothesis wary of chance
    print(f"seed {wanted.seed}, {wanted.examples} requests of chance for each call", flush=True)
    faults = list(_faults(wanted))
    print(f"{len(faults)} faults" if faults else "no faults")
    return 1 if faults else 0


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="requests of chance for a call")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="repeats a run")
    parser.add_argument("--only", choices=apis.NAMES, help="one API alone")
    return parser.parse_args()


def _faults(wanted: Namespace) -> Iterator[str]:
    names = [wanted.only] if wanted.only else apis.NAMES
    with infrastructure().postgres() as server, databases(server) as made:
        for name in names:
            with stores(made) as opened, _api(name, opened) as api:
                yield from _explored(api, wanted)
        for name in names:
            with stores(made) as opened:
                yield from _attacked(name, opened)


@contextmanager
def _api(name: str, opened: Stores) -> Iterator[Api]:
    if name == "gateway":
        with platform(opened) as behind:
            yield apis.gateway(behind.managers)
    else:
        yield apis.service(name, opened)


def _explored(api: Api, wanted: Namespace) -> Iterator[str]:
    begun = monotonic()
    report = explore(api, examples=wanted.examples, seed=wanted.seed)
    print(
        f"{api.name}: {report.answers.total():,} requests in {monotonic() - begun:.0f} s",
        flush=True,
    )
    yield from _told(report.faults)


def _attacked(name: str, opened: Stores) -> Iterator[str]:
    settle(managers(opened))
    begun, before = monotonic(), opened.rows()
    with _api(name, opened) as api:
        outcome = attack(api, product(places(document_of(api), GOOD), payloads()))
    print(
        f"{name}: {outcome.answers.total():,} injections in {monotonic() - begun:.0f} s", flush=True
    )
    yield from _told(outcome.faults)
    yield from _told(losses(before, opened.rows()))


def _told(faults: Iterable[str]) -> Iterator[str]:
    for fault in faults:
        print(f"FAULT {fault}\n", flush=True)
        yield fault


if __name__ == "__main__":
    sys.exit(main())
