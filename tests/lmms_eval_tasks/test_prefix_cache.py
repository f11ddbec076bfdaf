"""Questions about one video one after the other: vLLM still knows the video, where its cache holds only a few."""

import random
import re

import pytest

pytestmark = pytest.mark.eval


def test_the_prefix_cache_holds_more_of_prompts_that_are_grouped_by_video(tmp_path, monkeypatch, capfd):
    pytest.importorskip("vllm")
    import av
    import numpy as np

    from data_prep.demo.tiny_model import build_model
    from lmms_eval_tasks.models.read_ahead import ReadAhead
    from lmms_eval_tasks.models.videokr_vllm import VideoKRVLLM
    from videokr.family import FAMILIES

    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    build_model(FAMILIES["qwen3vl"], ["What is it? <answer>A</answer>"] * 20, tmp_path / "model")
    for video in range(8):
        with av.open(str(tmp_path / f"{video}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=2)
            stream.width, stream.height, stream.pix_fmt = 224, 224, "yuv420p"
            picture = np.full((224, 224, 3), 30 * video, np.uint8)
            for _ in range(16):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    model = VideoKRVLLM(
        str(tmp_path / "model"), max_model_len=2048, max_frame_num=16, max_pixels=224 * 224, dtype="float32",
        enforce_eager=True, num_gpu_blocks_override=20,
    )  # fmt: skip
    model.max_in_flight = 2
    asked = [
        [{"role": "user", "content": [
            {"type": "video", "url": str(tmp_path / f"{number // 4}.mp4")}, {"type": "text", "text": f"{number}?"},
        ]}]
        for number in range(32)
    ]  # fmt: skip

    def held(order: list[int]) -> float:
        ahead = ReadAhead(model.read, [asked[number] for number in order], threads=1, most=2)
        settings = [{"max_new_tokens": 2, "do_sample": False}] * len(order)
        tokens = {generation.prompt_tokens for _, generation in model.answers(ahead, settings)}
        assert min(tokens) > 392  # 8 pairs of frames of 7 by 7 tokens
        return float(re.findall(r"prefix cache held ([\d.]+)%", capfd.readouterr().out)[-1])

    shuffled = random.Random(0).sample(range(32), 32)
    grouped = held(list(range(32)))
    assert grouped > 50  # of four questions about a video the last three, but for what ends a block
    assert held(shuffled) < grouped - 20
