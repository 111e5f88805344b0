"""Measurements, one file per operation, each against a reference in the same run: `python -m benchmarks.<name>`."""
