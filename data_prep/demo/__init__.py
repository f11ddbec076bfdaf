"""The demo job: a made-up corpus with exact answers, a tiny model, and the table at the end."""
