"""A video's frames: which are shown, when, and how they are read."""
