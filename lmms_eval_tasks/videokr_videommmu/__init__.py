"""The VideoMMMU tasks, one a track."""
