"""The LongVideoBench task."""
