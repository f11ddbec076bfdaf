"""Video-MME-v2's group score: by hand, and against lmms-eval's own functions on random tables."""

import random
from pathlib import Path

import pytest

from videokr.evaluation.question_groups import FORMS, group_scores

STRUCTURES = ("[1, 2, 3, 4]", "[1, [2, 3], 4]", "[[1, 2], 3, 4]")


def group(form: str, right: str, name: str = "001", level: str = "level 1") -> list[tuple[str, dict[str, str], bool]]:
    return [
        (f"{name}-{number}", {"task_type": form, "discipline": level}, sign == "x")
        for number, sign in enumerate(right, start=1)
    ]


@pytest.mark.parametrize(
    ("form", "right", "score"),
    [
        ("relevance", "....", 0),
        ("relevance", ".x.x", 0.25),  # the square of the share; order does not matter
        ("relevance", "xxxx", 1),
        ("logic [1,2,3,4]", ".xxx", 0),  # nothing counts behind the first mistake
        ("logic [1,2,3,4]", "xx.x", 0.25),
        ("logic [1,[2,3],4]", "x.xx", 4 / 12),  # 2 and 3 are one step: either counts, and 4 needs both
        ("logic [1,[2,3],4]", "xxx.", 7 / 12),
        ("logic [[1,2],3,4]", ".xxx", 0.1),
        ("logic [[1,2],3,4]", "xxx.", 0.5),
    ],
)
def test_a_group_is_worth_more_than_its_parts(form, right, score):
    scores = group_scores(group(form, right))
    assert scores.by["all"].value == scores.by[form.split()[0]].value == scores.by["level 1"].value == score


def test_a_group_that_was_not_asked_whole_has_no_score_and_is_counted():
    scores = group_scores(group("relevance", "xxxx") + group("relevance", "xx.", "002"))
    assert (scores.by["all"].value, scores.by["all"].examples, scores.incomplete) == (1, 1, 1)
    assert scores.lines()[1].startswith("1 groups were not asked whole")
    alone = group_scores(group("relevance", "xx"))
    assert alone.by == {} and len(alone.lines()) == 1


@pytest.mark.eval
@pytest.mark.parametrize("seed", range(5))
def test_the_scores_are_those_of_lmms_eval(seed):
    lmms_eval = pytest.importorskip("lmms_eval")
    from lmms_eval.utils import load_yaml_config

    from lmms_eval_tasks.rows import read_videomme_v2

    theirs = load_yaml_config(str(Path(lmms_eval.__file__).parent / "tasks/videomme_v2/videomme_v2.yaml"))
    draw = random.Random(seed)
    asked, given = [], []
    for video in range(60):
        kind = draw.choice(["relevance", "logic"])
        row = {
            "video_id": f"{video:03}", "group_type": kind, "question": "Which?", "options": "A. x\nB. y", "answer": "A",
            "group_structure": draw.choice(STRUCTURES) if kind == "logic" else None, "second_head": "Order",
        }  # fmt: skip
        for number in (1, 2, 3, 4):
            own = row | {"question_id": f"{video:03}-{number}", "level": draw.choice([1, 2, 3]), "third_head": "x"}
            is_right = draw.random() < 0.7
            record = read_videomme_v2(own)
            asked.append((record["id"], record, is_right))
            given.append(own | {"score": int(is_right)})
    assert {record["task_type"] for _, record, _ in asked} == set(FORMS)
    draw.shuffle(asked)
    draw.shuffle(given)
    ours = group_scores(asked).by
    assert list(ours) == ["all", "logic", "relevance", "level 1", "level 2", "level 3"]
    metrics = {one["metric"]: one["aggregation"] for one in theirs["metric_list"]}
    for name, score in ours.items():
        metric = metrics[f"videomme_v2_{name.replace('all', 'overall').replace(' ', '_')}_score"]
        assert 100 * score.value == pytest.approx(metric(given)), name
