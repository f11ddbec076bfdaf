"""The VideoKR-Eval task."""
