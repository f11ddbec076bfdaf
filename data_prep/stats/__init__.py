"""`videokr stats`: what is in annotation files, and what an epoch over them costs."""
