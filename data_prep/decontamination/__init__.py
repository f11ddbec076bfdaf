"""`videokr decontaminate`: what of a benchmark stands in the training data already."""
