"""lmms-eval tasks and model classes."""
