"""What looks at results; no adapter needs it."""
