"""The Video-MME task."""
