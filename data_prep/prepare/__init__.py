"""Annotation records in, the hosts' training rows out."""
