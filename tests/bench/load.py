"""A load generator: some connections, each sending its next request when it has its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from time import perf_counter

import pycurl


@dataclass(frozen=True)
class Load:
    """What a load measured; times are in seconds."""

    requests_per_second: float
    latencies: Sequence[float]

    def quantile(self, part: float) -> float:
        """Returns the latency that this part of the requests stayed within."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def generate(url: str, *, connections: int, seconds: float, headers: Sequence[str] = ()) -> Load:
    """Reads a URL as often as it is answered, over connections that are kept alive."""
    multi = pycurl.CurlMulti()
    for _ in range(connections):
        multi.add_handle(_handle(url, headers))
    latencies: list[float] = []
    started = perf_counter()
    while (now := perf_counter()) - started < seconds:
        multi.perform()
        _repeat_finished(multi, latencies)
        multi.select(0.1)
    multi.close()
    return Load(len(latencies) / (now - started), latencies)


def _handle(url: str, headers: Sequence[str]) -> pycurl.Curl:
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.HTTPHEADER, list(headers))
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.PROXY, "")
    handle.setopt(pycurl.WRITEDATA, BytesIO())
    return handle


def _repeat_finished(multi: pycurl.CurlMulti, latencies: list[float]) -> None:
    while True:
        waiting, succeeded, failed = multi.info_read()
        if failed:
            raise RuntimeError(f"a request failed: {failed[0][2]}")
        for handle in succeeded:
            if (status := handle.getinfo(pycurl.RESPONSE_CODE)) != 200:
                raise RuntimeError(f"a request was answered with status {status}")
            latencies.append(handle.getinfo(pycurl.TOTAL_TIME))
            multi.remove_handle(handle)
            handle.setopt(pycurl.WRITEDATA, BytesIO())
            multi.add_handle(handle)
        if not waiting:
            return
