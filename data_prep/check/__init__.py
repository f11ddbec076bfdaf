"""`videokr check`: whether the videos that records name are there and whole."""
