"""Collect the spans of a test."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delinkcious import tracing


@contextmanager
def collected_spans(routing_headers: Sequence[str] = ()) -> Iterator[InMemorySpanExporter]:
    """Records every span of the process, in its order of ending, as long as the context lasts."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    previous = tracing.install(provider, routing_headers)
    try:
        yield exporter
    finally:
        tracing.install(previous)
