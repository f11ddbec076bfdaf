"""VideoKR's contract: what one example, prompt, answer and reward are, for training and evaluation alike."""

__version__ = "0.1.0"
