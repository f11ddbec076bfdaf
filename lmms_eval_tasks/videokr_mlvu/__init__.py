"""The MLVU task."""
