"""``python -m tests.bench.flood``: what a flood from one client costs another, with the limits that
hold by default.

One client sends ten times what its address may ask for, from an address of loopback of its own, and
is refused nearly always. Another one keeps within its limits meanwhile, and is timed in turns: with
the flood, and without it.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from time import perf_counter, sleep
from typing import Final

import pycurl

from api_gateway.limits import Kind, Limits
from tests.bench.report import say
from tests.support.api import Api
from tests.support.stack import ROOT, Stack

TIMES: Final = 10
ROUNDS: Final = 5
SECONDS: Final = 4
CONNECTIONS: Final = 8
FLOODER: Final = "127.0.0.2"
VICTIM: Final = "127.0.0.1"


def main() -> None:
    """Starts a stack of its own with the default limits, and prints what it finds."""
    limits = {f"LIMIT_{name.upper()}": limit for name, limit in Limits().model_dump().items()}
    with tempfile.TemporaryDirectory(prefix="delinkcious-bench-") as folder:
        Path(folder).chmod(0o755)
        stack = Stack(Path(folder) / "local", **limits)
        stack.start()
        try:
            flooding(stack)
        finally:
            stack.stop()


def flooding(stack: Stack) -> None:
    """Times one client in turns with and without a flood from another."""
    victim, flooder = (Api.login(stack.gateway, f"bench-{name}") for name in ("victim", "flooder"))
    url = f"{stack.gateway}/v1/links"
    quiet: list[float] = []
    flooded: list[float] = []
    answers: Counter[int] = Counter()
    for _ in range(ROUNDS):
        quiet += timed(url, victim)
        with flood(url, flooder, answers):
            flooded += timed(url, victim)
    rate = _per_second(Limits(), Kind.ADDRESS)
    calm, busy = statistics.median(quiet), statistics.median(flooded)
    print(f"    quiet: median {calm * 1000:.2f} ms; with the flood: {busy * 1000:.2f} ms")
    print(f"    the flood: {sum(answers.values())} requests at {TIMES * rate:.0f}/s, {answers}")
    say("median with a flood over without one", f"{busy / calm:.2f}", "at most 2")


def timed(url: str, user: Api) -> list[float]:
    """Asks at four fifths of the rate that a token may, and returns how long each answer took."""
    handle = _handle(url, user, VICTIM)
    pause = 1 / (0.8 * _per_second(Limits(), Kind.TOKEN))
    times = []
    until = perf_counter() + SECONDS
    while perf_counter() < until:
        handle.setopt(pycurl.WRITEDATA, BytesIO())
        handle.perform()
        if (status := handle.getinfo(pycurl.RESPONSE_CODE)) != 200:
            raise RuntimeError(f"the client that keeps to its limits got {status}")
        times.append(handle.getinfo(pycurl.TOTAL_TIME))
        sleep(pause)
    handle.close()
    return times


@contextmanager
def flood(url: str, user: Api, answers: Counter[int]) -> Iterator[None]:
    """Floods from a process of its own, and counts what it was answered."""
    command = [sys.executable, "-m", "tests.bench.flood", url]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the flood has no pipes")
    process.stdin.write(f"{user.token}\n")
    process.stdin.flush()
    process.stdout.readline()  # it has begun
    try:
        yield
    finally:
        said, _ = process.communicate()  # which closes its input, so it ends
        answers.update({int(status): int(number) for status, number in _pairs(said)})


def _pairs(said: str) -> Iterator[list[str]]:
    return (line.split() for line in said.splitlines())


def _flood(url: str) -> None:
    """Sends so many requests a second until its input ends; the body of a process of its own."""
    user = Api("", sys.stdin.readline().strip())
    handles = [_handle(url, user, FLOODER) for _ in range(CONNECTIONS)]
    multi = pycurl.CurlMulti()
    answers: Counter[int] = Counter()
    rate = TIMES * _per_second(Limits(), Kind.ADDRESS)
    started, sent = perf_counter(), 0
    print("begun", flush=True)
    os.set_blocking(sys.stdin.fileno(), False)
    while not _has_ended():
        while handles and sent < (perf_counter() - started) * rate:
            handle = handles.pop()
            handle.setopt(pycurl.WRITEDATA, BytesIO())
            multi.add_handle(handle)
            sent += 1
        multi.perform()
        for handle in _finished(multi):
            answers[handle.getinfo(pycurl.RESPONSE_CODE)] += 1
            multi.remove_handle(handle)
            handles.append(handle)
        multi.select(0.002)
        sleep(0.002)
    for status, number in answers.items():
        print(status, number)


def _has_ended() -> bool:
    try:
        return os.read(sys.stdin.fileno(), 1) == b""
    except BlockingIOError:
        return False


def _finished(multi: pycurl.CurlMulti) -> list[pycurl.Curl]:
    _, succeeded, failed = multi.info_read()
    if failed:
        raise RuntimeError(f"a request failed: {failed[0][2]}")
    finished: list[pycurl.Curl] = succeeded
    return finished


def _handle(url: str, user: Api, source: str) -> pycurl.Curl:
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.HTTPHEADER, [f"Authorization: Bearer {user.token}"])
    handle.setopt(pycurl.INTERFACE, source)
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.PROXY, "")
    return handle


def _per_second(limits: Limits, kind: Kind) -> float:
    rate = getattr(limits, kind)
    return float(rate.amount / rate.get_expiry())


if __name__ == "__main__":
    os.chdir(ROOT)
    if sys.argv[1:]:
        _flood(sys.argv[1])
    else:
        main()
