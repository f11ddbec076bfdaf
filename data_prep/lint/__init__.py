"""`videokr lint`: what annotation files get wrong, each with a number and the worst rows."""
