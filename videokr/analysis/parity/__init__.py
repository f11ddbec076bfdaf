"""Whether one example means the same in all three hosts: what each made of it, and where they differ."""
