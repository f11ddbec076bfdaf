"""What AdamW changes of weights that are kept in bfloat16, and of the same in float32.

    .venvs/rl/bin/python -m benchmarks.master_weights

A small Qwen3, initialised as transformers does (std 0.02), learns to continue text for 100 steps at GRPO's learning
rate, with verl's optimizer and its defaults (weight decay 0.01, gradients clipped at 1). Both sides start from the same
weights, see the same rows and compute in bfloat16, as verl does either way. They differ in what
`actor.fsdp_config.model_dtype` says: the type in which weights, and with them gradients and moments, are kept.
"""

from argparse import ArgumentParser
from typing import Any

import torch

LENGTH, ROWS, VOCABULARY = 32, 4, 512


def small_model() -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    shape = {"hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Qwen3Config(**shape, num_key_value_heads=2, head_dim=64, vocab_size=VOCABULARY, tie_word_embeddings=True)
    torch.manual_seed(0)
    return Qwen3ForCausalLM(config)


def trained(kind: torch.dtype, steps: int, learning_rate: float) -> Any:
    """The model after so many steps."""
    from verl.workers.config import FSDPOptimizerConfig
    from verl.workers.config.optimizer import build_optimizer

    # The same bfloat16 numbers for both sides, which a checkpoint of SFT holds.
    model = small_model().to(torch.bfloat16).to(kind)
    optimizer = build_optimizer(model.parameters(), FSDPOptimizerConfig(lr=learning_rate))
    rows = torch.Generator().manual_seed(1)
    # Text whose next token can be learnt: each follows from the one before it, but for a tenth.
    follower = torch.randperm(VOCABULARY, generator=rows)
    for _ in range(steps):
        tokens = torch.randint(VOCABULARY, (ROWS, LENGTH), generator=rows)
        noise = torch.rand(ROWS, LENGTH, generator=rows) < 0.1
        for place in range(1, LENGTH):
            tokens[:, place] = torch.where(noise[:, place], tokens[:, place], follower[tokens[:, place - 1]])
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return model


def flat(model: Any) -> torch.Tensor:
    """All weights of a model, as float32."""
    return torch.cat([weight.detach().float().reshape(-1) for weight in model.parameters()])


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=100, help="(default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=5e-6, help="(default: %(default)s)")
    given = parser.parse_args()
    start = flat(small_model().to(torch.bfloat16))
    kept = {kind: flat(trained(kind, given.steps, given.learning_rate)) for kind in (torch.float32, torch.bfloat16)}
    right = (kept[torch.float32] - start).double()
    large = start.abs() >= 0.01
    print(f"{start.numel():,} weights, {given.steps} steps at {given.learning_rate:g}")
    for kind, weights in kept.items():
        change = (weights - start).double()
        moved = (change != 0).double()
        cosine = torch.nn.functional.cosine_similarity(change, right, dim=0).item()
        print(
            f"{kind}: moved {moved.mean().item():.1%} of all weights and {moved[large].mean().item():.1%} of the "
            f"{large.double().mean().item():.0%} that are 0.01 or more in size; cosine to the change in float32 "
            f"{cosine:.3f}, length {(change.norm() / right.norm()).item():.2f} of that"
        )


if __name__ == "__main__":
    main()
