"""What a reward makes of a file's own gold answers, before a run learns from it."""
