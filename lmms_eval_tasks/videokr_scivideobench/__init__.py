"""The SciVideoBench task."""
