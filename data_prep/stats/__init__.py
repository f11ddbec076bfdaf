"""`videokr stats`: what is in annotation files, and what one epoch over them costs."""
