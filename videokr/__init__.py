"""VideoKR's contract: what one example, prompt, answer and reward are, for training and evaluation alike."""

from videokr.budget import VideoBudget
from videokr.example import Example, parse_example
from videokr.jsonl import read_examples
from videokr.prompt import build_prompt
from videokr.response import build_response, read_response
from videokr.reward import score_response
from videokr.video.frame_plan import plan_frames
from videokr.video.reader import read_frames

__all__ = [
    "Example",
    "VideoBudget",
    "build_prompt",
    "build_response",
    "parse_example",
    "plan_frames",
    "read_examples",
    "read_frames",
    "read_response",
    "score_response",
]

__version__ = "0.1.0"
