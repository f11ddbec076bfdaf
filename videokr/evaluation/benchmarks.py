"""The benchmarks: their tasks, the means made of them, and what is published (paper, table of main results)."""

from collections.abc import Iterable

TITLES = {
    "videokr_videomme": "Video-MME",
    "videokr_mvbench": "MVBench",
    "videokr_longvideobench": "LongVideoBench",
    "videokr_videommmu": "VideoMMMU",
    "videokr_mmvu": "MMVU",
    "videokr_scivideobench": "SciVideoBench",
    "videokr_eval": "VideoKR-Eval",
    "videokr_mlvu": "MLVU",
    "videokr_lvbench": "LVBench",
    "videokr_videomme_v2": "Video-MME-v2",
    "videokr_videoholmes": "Video-Holmes",
    "videokr_videotemp": "VideoTemp-Bench",
    "videokr_videotemp_grounding": "VideoTemp-Bench, grounding",
    "videokr_videomme_subtitles": "Video-MME, subtitles",
    "videokr_longvideobench_subtitles": "LongVideoBench, subtitles",
}
# Benchmarks that are several tasks.
TRACKS = {
    "videokr_videommmu": (
        "videokr_videommmu_adaptation",
        "videokr_videommmu_comprehension",
        "videokr_videommmu_perception",
    ),
}
# A mean counts each of its benchmarks once, however many questions it has.
MEANS = {
    "General": ("videokr_videomme", "videokr_mvbench", "videokr_longvideobench"),
    "Knowledge": ("videokr_videommmu", "videokr_mmvu", "videokr_scivideobench", "videokr_eval"),
}
# Per cent, 128 frames, in the order of `MEANS`: the three of General and their mean, the four of Knowledge and theirs.
_PUBLISHED = {
    "Qwen3-VL-8B-Instruct": (68.2, 67.9, 61.6, 65.9, 61.8, 59.6, 33.4, 39.0, 48.5),
    "OneThinker": (65.8, 69.3, 61.4, 65.5, 62.9, 61.6, 33.8, 38.3, 49.2),
    "VideoAuto-R1": (68.7, 68.8, 58.8, 65.4, 63.1, 59.6, 32.7, 43.8, 49.8),
    "Qwen3-VL-8B-Thinking": (67.6, 68.0, 60.0, 65.2, 64.9, 60.5, 33.0, 41.5, 50.0),
    "VideoKR-Qwen3-VL-8B": (67.8, 67.0, 61.5, 65.4, 63.0, 64.8, 32.8, 45.3, 51.5),
}
COLUMNS = tuple(name for mean, tasks in MEANS.items() for name in (*tasks, mean))
PUBLISHED = {model: dict(zip(COLUMNS, scores, strict=True)) for model, scores in _PUBLISHED.items()}


def benchmark_of(task: str) -> str | None:
    """The benchmark that a task is, or is a track of (`videokr_videommmu_adaptation`); None for a task of others."""
    longest_first = sorted(TITLES, key=len, reverse=True)
    return next((name for name in longest_first if f"{task}_".startswith(f"{name}_")), None)


def title_of(name: str) -> str:
    """As it stands in tables: a benchmark's title, a mean's own name."""
    return TITLES.get(name, name)


def missing_for(mean: str, benchmarks: Iterable[str]) -> list[str]:
    """The benchmarks that a mean still needs."""
    return [name for name in MEANS[mean] if name not in set(benchmarks)]
