"""The LVBench task."""
