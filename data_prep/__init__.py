"""Records in, rows of a host out."""
