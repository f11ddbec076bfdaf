"""How a model is asked: the system turn, and the instruction behind a question."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from videokr.dialogue import SYSTEM, read_tool
from videokr.errors import UserError
from videokr.prompt import GROUNDING_ANSWER, INSTRUCTIONS
from videokr.response import Kind


@dataclass(frozen=True, slots=True)
class Wording:
    """What stands around question and options.

    Attributes:
        system: the text of the system turn; None for the chat template's own, or none.
        instructions: what stands behind question and options.
        name: of a published wording; None for another.
    """

    system: str | None
    instructions: Mapping[Kind, str]
    name: str | None = None


# As published, byte for byte: interfaces, not prose to improve. One has a system turn, the others have none.
# github.com/IVUL-KAUST/VideoAuto-R1 at f7d91a3c: lmms_eval/models/simple/qwen3_vl_autothink.py, and the post_prompt of
# lmms_eval/tasks/*/*_boxed.yaml.
_VIDEOAUTO_R1 = (
    "You are a helpful assistant.\n"
    "FIRST: Output your initial answer inside the first \\boxed{...} without any analysis or explanations. "
    "If you cannot determine the answer without reasoning, "
    "output \\boxed{Let's analyze the problem step by step.} instead.\n"
    "THEN: Think through the reasoning as an internal monologue enclosed within <think>...</think>.\n"
    "AT LAST: Output the final answer again inside \\boxed{...}. "
    "If you believe the previous answer was correct, repeat it; otherwise, correct it.\n"
    "Output format: \\boxed{...}<think>...</think>\\boxed{...}\n"
)
# github.com/tulerfeng/OneThinker at 768b20f3: Evaluation/Eval/eval_bench.py.
_ONETHINKER = (
    "Please answer this question based on the visual content."
    "Provide your thinking process between the <think> and </think> tags, "
    "and then give your final answer between the <answer> and </answer> tags."
    "At the end, you must output the final answer in the format:\n"
    "<answer><your_answer_here></answer>\n"
)
# github.com/tulerfeng/Video-R1 at 59d65c34: src/eval_bench.py.
_VIDEO_R1 = (
    "Please think about this question as if you were a human pondering deeply. "
    "Engage in an internal dialogue using expressions such as 'let me think', 'wait', 'Hmm', 'oh, I see', "
    "'let's break it down', etc, or other natural language thought expressions "
    "It's encouraged to include self-reflection or verification in the reasoning process. "
    "Provide your detailed reasoning between the <think> and </think> tags, "
    "and then give your final answer between the <answer> and </answer> tags."
)
PRESETS = {
    "videoauto-r1": Wording(_VIDEOAUTO_R1, dict.fromkeys(Kind, "Put your final answer in \\boxed{}.")),
    "onethinker": Wording(
        None,
        {
            Kind.MULTIPLE_CHOICE: _ONETHINKER
            + "Please provide only the single option letter (e.g., A, B, C, D, etc.) within the <answer>...</answer> "
            "tags.\nExample:\n<answer>A</answer>",
            Kind.OPEN_ENDED: _ONETHINKER + "Please provide only your text answer within the <answer>...</answer> tags."
            "\nExample:\n<answer>The capital of France is Paris.</answer>",
            Kind.GROUNDING: _ONETHINKER
            + "Please provide only the time span in seconds as JSON within the <answer>...</answer> tags."
            '\nExample:\n<answer>{"time": [12.3, 25.7]}</answer>',
        },
    ),
    "video-r1": Wording(
        None,
        {
            Kind.MULTIPLE_CHOICE: _VIDEO_R1
            + " Please provide only the single option letter (e.g., A, B, C, D, etc.) within the <answer> </answer> "
            "tags.",
            Kind.OPEN_ENDED: _VIDEO_R1 + " Please provide your text answer within the <answer> </answer> tags.",
            Kind.GROUNDING: f"{_VIDEO_R1} {GROUNDING_ANSWER}",  # which is ours: it asks for no spans
        },
    ),
}


def wording_from_env(environment: Mapping[str, str]) -> Wording:
    """The wording of an evaluation: SYSTEM_PROMPT is a preset's name or the system turn's text.

    With a tool (TOOL) the system turn tells of it.

    Raises:
        UserError: there is no such tool, both are given, or a single word is no preset.
    """
    given = environment.get("SYSTEM_PROMPT") or None
    if read_tool(environment.get("TOOL", "")):
        if given:
            raise UserError("SYSTEM_PROMPT and --tool are both given, and a model has one system turn: leave one out")
        return Wording(SYSTEM, INSTRUCTIONS)
    name = (given or "").lower()
    if name in PRESETS:
        return replace(PRESETS[name], name=name)
    if given and len(given.split()) == 1:
        raise UserError(f"SYSTEM_PROMPT='{given}' is no published wording: {', '.join(PRESETS)}, or the text of a turn")
    return Wording(given, INSTRUCTIONS)
