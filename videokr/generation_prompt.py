"""How a checkpoint's chat template ends a prompt, for the model to go on from.

Of most it opens the assistant's turn; of a Thinking checkpoint (Qwen3-VL-8B-Thinking) the thinking, too. Every stage
asks with the checkpoint's own, and what it holds already of the response (`opening_of`) counts to it.
"""

from pathlib import Path
from typing import Any

from videokr.errors import UserError
from videokr.response import CLOSE_THINK, OPEN_THINK


def generation_prompt(renderer: Any, **settings: Any) -> str:
    """What the chat template puts behind the messages.

    Args:
        renderer: a processor, or a tokenizer.
        settings: that the run tells the template.

    Raises:
        UserError: the template changes what stands before, so that there is no telling.
    """
    asked = [{"role": "user", "content": [{"type": "text", "text": "?"}]}]
    messages, prompt = (
        renderer.apply_chat_template(asked, tokenize=False, add_generation_prompt=added, **settings)
        for added in (False, True)
    )
    if not prompt.startswith(messages):
        raise UserError(
            f"the model's chat template writes {messages!r}, but with a generation prompt {prompt!r}: it must only add "
            "to the messages"
        )
    return str(prompt[len(messages) :])


def find_generation_prompt(model: str, **settings: Any) -> str | None:
    """That of a checkpoint folder; None of a name on the hub, which is left to the host. See `generation_prompt`.

    Raises:
        UserError: the folder has no processor that can be loaded, too.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return None
    return generation_prompt(load_processor(model), **settings)


def load_processor(model: str, trust_remote_code: bool = False) -> Any:
    """The processor of a checkpoint folder, or of a name on the hub.

    Raises:
        UserError: it cannot be loaded.
    """
    from transformers import AutoProcessor

    folder = Path(model).expanduser()
    load: Any = AutoProcessor.from_pretrained
    try:
        return load(folder if folder.is_dir() else model, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise UserError(f"model '{model}': its processor cannot be loaded: {' '.join(str(error).split())}") from None


def opening_of(prompt: str) -> str:
    """What a prompt holds of the response already: `<think>` and the white space behind it, where it ends so."""
    bare = prompt.rstrip()
    return prompt[len(bare) - len(OPEN_THINK) :] if bare.endswith(OPEN_THINK) else ""


def continuation(response: str, opening: str) -> str:
    """What is said of a response when the prompt holds its opening: as Qwen3-VL-Thinking's chat template writes it.

    The reasoning, `\\n</think>\\n\\n`, the rest; a response without a thinking block closes the thinking at once.

    Args:
        opening: `opening_of` the prompt; the response is whole where it is empty.
    """
    if not opening:
        return response
    thinking, closing, rest = response.partition(CLOSE_THINK)
    reasoning = thinking.rpartition(OPEN_THINK)[2].strip("\n") if closing else ""
    rest = (rest if closing else response).lstrip("\n")
    return f"{reasoning}\n{CLOSE_THINK}\n\n{rest}"


def as_line(prompt: str) -> str:
    """A generation prompt for the reader of a log: what it is, and who opens the thinking."""
    opener = "the prompt opens the thinking" if opening_of(prompt) else "a response opens its thinking itself"
    return f"generation prompt {prompt!r}: {opener}"
