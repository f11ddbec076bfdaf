"""Open answers held against the gold one by what they mean: the setting `accuracy=typed`."""
