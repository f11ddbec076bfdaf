"""How a checkpoint's chat template ends a prompt, for the model to go on from.

Of most it opens the assistant's turn; of a Thinking checkpoint (Qwen3-VL-8B-Thinking) the thinking, too. Every stage
asks with the checkpoint's own, and what it holds already of the response (`videokr.response.opening_of`) counts to it.
"""

from pathlib import Path
from typing import Any

from videokr.errors import UserError
from videokr.response import opening_of


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
    from transformers import AutoProcessor

    load: Any = AutoProcessor.from_pretrained
    try:
        processor = load(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(f"model '{model}': its processor cannot be loaded: {' '.join(str(error).split())}") from None
    return generation_prompt(processor, **settings)


def as_line(prompt: str) -> str:
    """A generation prompt for the reader of a log: what it is, and who opens the thinking."""
    opener = "the prompt opens the thinking" if opening_of(prompt) else "a response opens its thinking itself"
    return f"generation prompt {prompt!r}: {opener}"
