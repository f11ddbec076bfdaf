"""A dialogue with the crop tool as the chat template of a family has it: what every host is held against."""

from pathlib import Path

# As Qwen3.5 is to write a call, and as it is told so.
XML = """\
<tool_call>
<function=get_video_clip_frame>
<parameter=start_time>
12.5
</parameter>
<parameter=end_time>
20.0
</parameter>
</function>
</tool_call>"""
TOLD_IN_XML = f"""\
Before you answer, you may look at parts of the video again, at more frames of them. Give your thinking between the \
<think> and </think> tags, and then, instead of the final answer, call the tool with times in seconds:
{XML}
Up to 3 parts may be asked for at once, and up to 3 times."""


def turn_thinking_off(model: Path) -> None:
    """What docs/families.md says of a Qwen3.5 that is to open no thinking of its own."""
    template = model / "chat_template.jinja"
    template.write_text("{%- set enable_thinking = false %}" + template.read_text(encoding="utf-8"), encoding="utf-8")


def as_chat_template(asked, video, budget, processor, turns, spans):
    """Ids of a dialogue as the processor of the family writes it, its videos decoded by themselves.

    Args:
        asked: messages up to the question.
        turns: the model's, the answer last.
        spans: of each turn that calls.
    """
    from videokr.video.part import name_part
    from videokr.video.reader import read_frames
    from videokr.video.vision_tokens import drop_outer_marks

    drop_outer_marks(processor)
    names = [video, *(Path(name_part(str(video), span)) for of_turn in spans for span in of_turn)]
    shown = [read_frames(name, budget, processor.video_processor.patch_size) for name in names]
    messages = list(asked)
    for turn, of_turn in zip(turns, [*spans, None], strict=True):
        messages.append({"role": "assistant", "content": turn})
        if of_turn is not None:
            content = [{"type": "text", "text": "<tool_response>\n"}]
            for number, (start, end) in enumerate(of_turn):
                text = f"From {start:.1f} to {end:.1f} seconds." + "\n" * (number < len(of_turn) - 1)
                content += [{"type": "video"}, {"type": "text", "text": text}]
            messages.append({"role": "user", "content": [*content, {"type": "text", "text": "\n</tool_response>"}]})
    text = processor.apply_chat_template(messages, tokenize=False)
    return processor(
        text=[text],
        videos=[frames for frames, _ in shown],
        video_metadata=[plan.metadata for _, plan in shown],
        do_sample_frames=False,
        do_resize=False,
    )["input_ids"][0]
