"""A finished evaluation as one page that anybody can open, and as Markdown for a model card."""
