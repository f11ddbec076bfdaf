"""The MVBench tasks, one a subtask."""
