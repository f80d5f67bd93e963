"""What this process has measured, for tests to look at."""

from prometheus_client import REGISTRY


def measured(name: str, **labels: str) -> float | None:
    """Returns a sample, or None while there is none.

    `CollectorRegistry.get_sample_value` has every metric of the process collected to find it.
    """
    for metric in REGISTRY.restricted_registry([name]).collect():
        for sample in metric.samples:
            if (sample.name, sample.labels) == (name, labels):
                return sample.value
    return None
