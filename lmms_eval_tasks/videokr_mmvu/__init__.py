"""The MMVU task."""
