"""A data set of your own, from Python: rows become records that every verb and stage reads.

`videokr import` does this for tables, JSON and captions; this is the way for what it does not read.
"""

import json
import sys
from pathlib import Path

from videokr import Example, read_examples
from videokr.errors import exit_status
from videokr.example import to_record
from videokr.response import Kind

ROWS = (
    ("nail.mp4", "What forms on the nail?", ("rust", "copper"), "B"),
    ("lens.mp4", "What does the lens do to the light?", (), "It bends it."),
)


def main() -> None:
    folder = Path(sys.argv[1])
    path = folder / "own.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number, (video, question, options, answer) in enumerate(ROWS, start=1):
            kind = Kind.MULTIPLE_CHOICE if options else Kind.OPEN_ENDED
            example = Example(f"own-{number}", question, options, kind, answer, None, (video,))
            file.write(json.dumps(to_record(example)) + "\n")
    for example in read_examples(path):  # an error names file, line and field
        print(f"{example.id}: {example.kind.value}, {example.question} {example.answer}")
    print(f"next: videokr check --data {path} --videos {folder}")


if __name__ == "__main__":
    sys.exit(exit_status(main))
