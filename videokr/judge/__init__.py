"""A language model that says whether an open answer matches the gold one; for evaluation and for the GRPO reward.

`openai` is imported when a client is made, not before.
"""
