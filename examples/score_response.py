"""What a model is asked about one record, and what three responses earn."""

from videokr import build_prompt, parse_example, score_response

RECORD = {
    "id": "1",
    "question": "What forms on the nail?",
    "problem_type": "multiple choice",
    "options": ["A. rust", "B. copper"],
    "solution": "<answer>B</answer>",
    "video_path": "lab/nail.mp4",
}
RESPONSES = (
    "<think>It turns red.</think><answer>(b)</answer>",
    "The answer is B.",
    "<think>It turns brown.</think><answer>A</answer>",
)


def main() -> None:
    example = parse_example(RECORD)
    print(build_prompt(example), end="\n\n")
    for response in RESPONSES:
        reward = score_response(response, example.answer, example.kind, example.options)
        print(f"{reward.score:.1f} = 0.1 * {reward.format:g} + 0.9 * {reward.accuracy:g}, {reward.reason}: {response}")


if __name__ == "__main__":
    main()
