"""What the tests of several packages use."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import REGISTRY

from delinkcious import tracing
from delinkcious.messaging import Broker
from delinkcious.testing.addresses import NatsAddress
from delinkcious.testing.embedded import EmbeddedNats, EmbeddedPostgres
from delinkcious.testing.measured import measured
from delinkcious.testing.running import RunningServer, running
from delinkcious.testing.scratch import scratch_folder
from delinkcious.testing.spans import collected_spans
from delinkcious.testing.waiting import free_port
from delinkcious.watched import Watcher


@pytest.fixture(autouse=True)
def tracing_restored() -> Iterator[None]:
    """Tracing is the process's, and not the test's: no test sees what another installed."""
    previous = tracing.install(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    yield
    tracing.shutdown()
    tracing.install(previous)


@pytest.fixture
async def broker(nats_address: NatsAddress) -> AsyncIterator[Broker]:
    """A connected broker without events."""
    async with Broker(nats_address.host, nats_address.port, "test") as broker:
        await broker.wait_connected()
        yield broker


@pytest.fixture
def nats_process(tmp_path: Path) -> Iterator[RunningServer]:
    """A NATS of the test's own, to be stopped and started; its data is in ``tmp_path / "nats"``."""
    server = EmbeddedNats(tmp_path / "nats", free_port(), free_port())
    with running(server, tmp_path / "nats.log") as process:
        yield process


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A Postgres of these tests' own, which may be stopped; ready to run."""
    with scratch_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres", free_port(), "for-tests-only", durable=False)
        server.prepare()
        yield server


@pytest.fixture
def postgres_process(own_postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[RunningServer]:
    """It runs, and the test may stop and start it."""
    with running(own_postgres, tmp_path / "postgres.log") as process:
        yield process


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Collects the spans of the test; ``x-branch`` is a routing header."""
    with collected_spans(["x-branch"]) as spans:
        yield spans


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> Watcher:
    """Who looks at the files of the test, many times a second."""
    watcher = Watcher()
    monkeypatch.setattr("delinkcious.watched.INTERVAL", 0.01)
    monkeypatch.setattr("delinkcious.watched.WATCHER", watcher)
    monkeypatch.setattr("delinkcious.live.WATCHER", watcher)
    return watcher


@pytest.fixture
def counted() -> Callable[..., float]:
    """Reads how much a counter has grown since the test began."""

    def value(name: str, labels: dict[str, str]) -> float:
        return measured(name, **labels) or 0

    before = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }
    return lambda name, **labels: (
        value(name, labels) - before.get((name, *sorted(labels.items())), 0)
    )
