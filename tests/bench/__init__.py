"""Benchmarks: speed and size of the running platform, as ratios taken in one run."""
