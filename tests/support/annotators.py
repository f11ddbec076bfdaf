"""Records that people judge, and the files that the page saves of what they say."""

import json
from pathlib import Path

from corpus_place import Place

from data_prep.corpus.audit.sample import digest_of
from videokr.example import parse_example


def write_records(place: Place, demo: Path, name: str, number: int = 12) -> list[dict]:
    place.output.mkdir(exist_ok=True)
    made = {"generate": {"models": ["oracle"], "prompt": "", "calls": []}}
    lines = (demo / "sft.jsonl").read_text(encoding="utf-8").splitlines()[:number]
    records = [json.loads(line) | {"provenance": made} for line in lines]
    records[0]["question"] += " </textarea><script>document.title = 'run'</script>"
    records[0]["clues"] = [[1.0, 2.5]]
    (place.output / name).write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return records


def saved(folder: Path, annotator: str, records: list[dict], entries: list[dict], step: str = "generate") -> str:
    """A file as the page saves it."""
    known = [
        {"record": record["id"], "digest": digest_of(parse_example(record)), "note": "", **entry}
        for record, entry in zip(records, entries, strict=True)
    ]
    path = folder / f"{annotator}.json"
    path.write_text(json.dumps({"annotator": annotator, "step": step, "records": known}), encoding="utf-8")
    return str(path)


def verdicts(*names: str) -> list[dict]:
    return [{"verdict": name} for name in names]
