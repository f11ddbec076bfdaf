"""What GRPO learns from: R = 0.1 * format + 0.9 * accuracy, and why a response earned it."""

from videokr.reward.reason import Reason
from videokr.reward.score import Accuracy, Reward, score_response

__all__ = ["Accuracy", "Reason", "Reward", "score_response"]
