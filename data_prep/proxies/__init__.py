"""Exact proxies of a corpus, built once."""
