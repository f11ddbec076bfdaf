"""A tiny, randomly initialised model of a family that every host loads, and that can learn.

About a million parameters, built in seconds without a network: real configurations, processors, chat templates and a
byte-level tokenizer trained on the spot, so that the hosts run their real loading code.
"""

import argparse
import json
import math
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from videokr.dialogue import write_calls
from videokr.errors import exit_status
from videokr.family import FAMILIES, Family
from videokr.moe_weights import saved_as_published

HIDDEN = 128
HEAD_DIM = 64  # the smallest but one that vLLM's CPU attention has
VOCAB_LIMIT = 640  # enough for every word of the made-up corpus to be one token
EMBEDDING_STDS = {"embed_tokens": 0.1, "pos_embed": 0.5}  # a patch's place must not drown in what it shows
RESIDUAL_PROJECTIONS = (
    "o_proj.weight", "out_proj.weight", "down_proj.weight", "experts.down_proj", "attn.proj.weight",
    "linear_fc2.weight",
)  # fmt: skip
RESIDUAL_SCALE = 0.4  # about 1 / sqrt(2 * layers)
MAX_LENGTH = 4096
TIMESTAMPS = "<0.2 seconds><1.2 seconds><2.2 seconds><3.2 seconds>"  # as Qwen3-VL's processor writes them
# Special tokens of the Qwen tokenizers, in their order.
SPECIAL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip


# What Qwen3.5's template makes of an assistant's message: reasoning is kept since the last question, and tool responses
# are none (its `last_query_index`). It closes the thinking where it is told to.
LAST_QUESTION = (
    "{% set last = namespace(question=0) %}{% for message in messages if message['role'] == 'user' %}"
    "{% set first = message['content'] if message['content'] is string else message['content'][0]['text'] or '' %}"
    "{% if not first.startswith('<tool_response>') %}{% set last.question = messages.index(message) %}{% endif %}"
    "{% endfor %}"
)
THINKING_TURN = (
    "{% set parts = message['content'].split('</think>') %}"
    "{% if loop.index0 > last.question %}"
    "{% set reasoning = parts[0].split('<think>')[-1] if parts | length > 1 else '' %}"
    "{{ '<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' }}{% endif %}{{ parts[-1].lstrip('\n') }}"
)
OPENED_THINKING = (
    "<think>\n{% if enable_thinking is defined and enable_thinking is false %}{{ '\n</think>\n\n' }}{% endif %}"
)
# Of Qwen3.5's template: calls of tools in XML.
XML_CALLS = (
    "{% for call in message['tool_calls'] or [] %}<tool_call>\n<function={{ call['function']['name'] }}>\n"
    "{% for name, value in call['function']['arguments'] | items %}<parameter={{ name }}>\n{{ value }}\n</parameter>\n"
    "{% endfor %}</function>\n</tool_call>{% endfor %}"
)


def chat_template(family: Family, thinking: bool = False) -> str:
    """ChatML as all families use it, reduced to text, image and video parts of the content.

    Qwen2.5-VL puts a default system turn first, the others none.

    Args:
        thinking: the generation prompt opens the thinking, as that of Qwen3-VL-8B-Thinking.
    """
    system = (
        "{% if loop.first and message['role'] != 'system' %}"
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    )
    return (
        LAST_QUESTION * thinking
        + "{% for message in messages %}"
        + (system if family.name == "qwen2_5vl" else "")
        + "<|im_start|>{{ message['role'] }}\n"
        + (f"{{% if message['role'] == 'assistant' %}}{THINKING_TURN}{{% elif" if thinking else "{% if")
        + " message['content'] is string %}{{ message['content'] }}{% else %}"
        "{% for part in message['content'] %}"
        "{% if part['type'] == 'image' or 'image' in part %}<|vision_start|><|image_pad|><|vision_end|>"
        "{% elif part['type'] == 'video' or 'video' in part %}<|vision_start|><|video_pad|><|vision_end|>"
        "{% elif 'text' in part %}{{ part['text'] }}{% endif %}"
        "{% endfor %}{% endif %}" + XML_CALLS * (family.name == "qwen3_5") + "<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n" + OPENED_THINKING * thinking + "{% endif %}"
    )


def train_tokenizer(corpus: Iterable[str], template: str) -> Any:
    """A byte-level BPE of at most VOCAB_LIMIT tokens, digits apart, under Qwen's tokenizer class."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import Qwen2TokenizerFast

    bpe = Tokenizer(models.BPE())
    split = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_LIMIT, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    bpe.train_from_iterator(corpus, trainer)
    learnt = json.loads(bpe.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in learnt["merges"]]
    return Qwen2TokenizerFast(
        vocab=learnt["vocab"],
        merges=merges,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        extra_special_tokens=list(SPECIAL_TOKENS),
        chat_template=template,
        model_max_length=MAX_LENGTH,
    )


def _text_config(tokenizer: Any, vocab_size: int, rope: dict[str, Any]) -> dict[str, Any]:
    return {
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "vocab_size": vocab_size,
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": HEAD_DIM,
        "max_position_embeddings": MAX_LENGTH,
        "rope_parameters": {"rope_type": "default", **rope},
        "tie_word_embeddings": True,
    }


def build_config(family: Family, tokenizer: Any, moe: bool = False) -> Any:
    """The family's own configuration class, at the tiny size.

    Args:
        moe: of the family's mixture of experts.
    """
    from transformers import AutoConfig

    (model_type,) = family.model_types[-1:] if moe else family.model_types[:1]
    tokens = {"image": "image_pad", "video": "video_pad", "vision_start": "vision_start", "vision_end": "vision_end"}
    ids = {f"{what}_token_id": tokenizer.convert_tokens_to_ids(f"<|{token}|>") for what, token in tokens.items()}
    ids["tie_word_embeddings"] = True
    vocab_size = math.ceil(len(tokenizer) / 64) * 64
    if family.name == "qwen2_5vl":
        # Height and width have the slow frequencies: at the real base of 1e6, neighbouring patches would look alike.
        text = _text_config(tokenizer, vocab_size, {"mrope_section": [8, 12, 12], "rope_theta": 100.0})
        vision = {"depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "patch_size": 14,
                  "window_size": 112, "fullatt_block_indexes": [1], "out_hidden_size": HIDDEN,
                  "temporal_patch_size": 2, "spatial_merge_size": 2, "tokens_per_second": 2}  # fmt: skip
        return AutoConfig.for_model(model_type, text_config=text, vision_config=vision, **ids)
    rope = {"mrope_section": [12, 10, 10], "mrope_interleaved": True, "rope_theta": 1000.0}
    text = _text_config(tokenizer, vocab_size, rope)
    vision = {"depth": 3, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "patch_size": 16,
              "num_position_embeddings": 64, "out_hidden_size": HIDDEN, "temporal_patch_size": 2,
              "spatial_merge_size": 2}  # fmt: skip
    if family.name == "qwen3_5":
        text["rope_parameters"] |= {"mrope_section": [3, 3, 2], "partial_rotary_factor": 0.25}  # a quarter of a head
        text |= {"layer_types": ["linear_attention", "linear_attention", "full_attention"]}
        text |= {"linear_key_head_dim": 128, "linear_value_head_dim": 128}  # vLLM's CPU kernel knows few others
        text |= {"linear_num_key_heads": 1, "linear_num_value_heads": 2}
    else:
        vision["deepstack_visual_indexes"] = [0, 1]
    if moe:
        # By their shapes alone transformers and vLLM tell whether experts are transposed: two of them are not equal.
        text |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 96, "norm_topk_prob": True}
        text |= {"shared_expert_intermediate_size": 96} if family.name == "qwen3_5" else {}
    return AutoConfig.for_model(model_type, text_config=text, vision_config=vision, **ids)


def initialise_by_fan_in(model: Any, seed: int) -> None:
    """Draws every weight matrix at std 1 / sqrt(fan-in), embeddings at EMBEDDING_STDS; norms and biases stay.

    Projections back into the residual stream get RESIDUAL_SCALE of it, so that a token is still known after them.
    At the library's std of 0.02 a model this small learns the text and ignores the video.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if name.endswith(".A_log"):
            weight.data.fill_(-3.0)  # a Gated DeltaNet's state fades by half in some 20 tokens; the library's in one
        if weight.dim() < 2:
            continue
        embeddings = (std for part, std in EMBEDDING_STDS.items() if part in name)
        fan_in = weight.shape[-1] if ".experts." in name else weight[0].numel()  # those of all experts are one tensor
        std = next(embeddings, 1.0 / math.sqrt(fan_in))
        if name.endswith(RESIDUAL_PROJECTIONS):
            std *= RESIDUAL_SCALE
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * std)


def build_processor(family: Family, tokenizer: Any) -> Any:
    """The family's own processor around the tokenizer, with the sizes that the real checkpoints ship."""
    from transformers import (
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    template = tokenizer.chat_template
    if family.name == "qwen2_5vl":
        size = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 1280}
        image, video = Qwen2VLImageProcessor(size=size), Qwen2VLVideoProcessor(size=size)
        return Qwen2_5_VLProcessor(image, tokenizer, video, chat_template=template)
    normal = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "patch_size": 16}
    image = Qwen2VLImageProcessor(size={"shortest_edge": 65536, "longest_edge": 16777216}, **normal)
    video = Qwen3VLVideoProcessor(size={"shortest_edge": 4096, "longest_edge": 25165824}, **normal)
    return Qwen3VLProcessor(image, tokenizer, video, chat_template=template)


def build_model(
    family: Family, corpus: Iterable[str], output: Path, seed: int = 0, thinking: bool = False, moe: bool = False
) -> int:
    """Writes a checkpoint folder; returns its number of parameters. The folder appears whole or not at all.

    Args:
        thinking: see `chat_template`; of a family whose checkpoints all do it is so anyway.
        moe: see `build_config`.
    """
    import torch
    from transformers import AutoModelForImageTextToText, GenerationConfig

    torch.manual_seed(seed)
    thinking = thinking or family.thinks
    template = chat_template(family, thinking)
    tokenizer = train_tokenizer((write_calls(text, template) for text in corpus), template)
    if thinking:
        tokenizer.add_tokens(["<think>", "</think>"])  # one token each, and not special: they stay in what is decoded
    model = AutoModelForImageTextToText.from_config(build_config(family, tokenizer, moe))
    initialise_by_fan_in(model, seed)
    eos = [tokenizer.convert_tokens_to_ids(token) for token in ("<|im_end|>", "<|endoftext|>")]
    model.generation_config = GenerationConfig(eos_token_id=eos, pad_token_id=eos[1])

    aside = output.with_name(f".{output.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    with saved_as_published():
        model.save_pretrained(aside)
    build_processor(family, tokenizer).save_pretrained(aside)
    if output.exists():
        shutil.rmtree(output)
    aside.rename(output)
    return sum(weight.numel() for weight in model.parameters())


def corpus_of(path: Path) -> list[str]:
    """Everything that a model is asked or made to say in an annotation file."""
    from videokr.dialogue import SYSTEM, build_call_turn, build_observation
    from videokr.jsonl import read_examples
    from videokr.prompt import build_prompt
    from videokr.response import build_response

    return [
        "\n".join(
            [
                *([f"system\n{SYSTEM}"] if e.rounds else []),
                f"user\n{TIMESTAMPS}{build_prompt(e)}\nassistant",
                *(f"{build_call_turn(said, spans)}\n{build_observation(spans)}" for said, spans in e.rounds),
                build_response(e.rationale or "", e.answer),
            ]
        )
        for e in read_examples(path)
    ]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--moe", action="store_true", help="the family's mixture of experts")
    parser.add_argument("--data", type=Path, required=True, help="annotation file that the tokenizer is trained on")
    parser.add_argument("--output", type=Path, required=True, help="checkpoint folder to write")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    count = build_model(FAMILIES[args.family], corpus_of(args.data), args.output, args.seed, moe=args.moe)
    print(f"{args.output}: {args.family}, {count / 1e6:.2f} M parameters")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
