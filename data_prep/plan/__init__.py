"""`videokr plan`: what the stages cost on paper: hours, GPU memory and disk, each number with its assumptions."""
