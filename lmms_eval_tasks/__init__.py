"""lmms-eval tasks, judge and model classes."""
