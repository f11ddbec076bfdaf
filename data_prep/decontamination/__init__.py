"""`videokr decontaminate`: what of a benchmark stands in the training data already."""

RULES = ALIGNED, PUBLISHED = "aligned", "published"  # for near-duplicates; the first is the default
