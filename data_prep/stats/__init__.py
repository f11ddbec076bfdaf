"""`videokr stats`: what is in annotation files, and what one epoch over them costs."""

from enum import StrEnum

from videokr.budget import EVAL_BUDGET, RL_BUDGET, SFT_BUDGET, VideoBudget


class Stage(StrEnum):
    """What a file is for: decides which of its rows count, and how much of a video they are shown."""

    SFT = "sft"
    RL = "rl"
    EVAL = "eval"

    @property
    def budget(self) -> VideoBudget:
        return {Stage.SFT: SFT_BUDGET, Stage.RL: RL_BUDGET, Stage.EVAL: EVAL_BUDGET}[self]
