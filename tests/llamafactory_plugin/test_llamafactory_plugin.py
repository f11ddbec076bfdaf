"""LLaMA-Factory itself, with the template registered: the same tokens by both routes, real steps, clear endings."""

import json
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from checkout import GOLDEN, ROOT
from sft import CONFIGS, ON_CPU, environment

pytest.importorskip("llamafactory")
pytestmark = pytest.mark.sft


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    from data_prep.demo.clips import write_corpus

    output = tmp_path_factory.mktemp("sft") / "corpus"
    write_corpus(output, videos=20, seed=0, progress=False)
    return output


@pytest.fixture(scope="module")
def prepared(corpus) -> Path:
    """DATASET_DIR as the prepare command leaves it: the host finds the videos below it."""
    from data_prep.prepare.sft import prepare_sft
    from data_prep.prepare.source import Source

    prepare_sft(Source(corpus / "sft.jsonl"), corpus / "videokr_train.json")
    return corpus


def launch(family: str, model: Path | str, output: Path, overrides: dict[str, str], **env: str):
    arguments = [f"{key}={value}" for key, value in {**ON_CPU, **overrides}.items()]
    return subprocess.run(
        ["bash", str(ROOT / "local_script" / "train_videokr.sh"), family, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment(MODEL_NAME_OR_PATH=str(model), OUTPUT_DIR=str(output), **env),
    )


@cache
def mend_packing() -> None:
    from llamafactory_plugin import packing

    packing.install()


def host_data(family: str, model: Path, output: Path, overrides: dict[str, str]):
    """The host's template, tokenizer and processor, and the data sets that its own loader makes."""
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.data.converter import DATASET_CONVERTERS
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    from llamafactory_plugin import converter, row_faults, templates
    from llamafactory_plugin.settings import ON_LONG_ROW, checked, read_config

    if converter.FORMAT not in DATASET_CONVERTERS:
        converter.register()
        templates.register()
    mend_packing()
    given = {**ON_CPU, "model_name_or_path": str(model), "output_dir": str(output), **overrides}
    config = checked(read_config([str(CONFIGS / f"{family}_sft.yaml"), *(f"{k}={v}" for k, v in given.items())]))
    converter.VideoKRConverter.setting = config.pop("no_rationale", None)
    config["preprocessing_num_workers"] = None
    turns = config.pop("loss_turns", None)
    row_faults.install(output, drop_long_rows=config.pop(ON_LONG_ROW, "fail") == "drop", loss_turns=turns)
    model_args, data_args, training_args, _, _ = get_train_args(config)
    tokens = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(tokens["tokenizer"], data_args)
    return template, tokens, get_dataset(template, model_args, data_args, training_args, stage="sft", **tokens)


def run_budget_of(family: str, overrides: dict[str, str]):
    from llamafactory_plugin.settings import read_config, run_budget

    return run_budget(read_config([str(CONFIGS / f"{family}_sft.yaml"), *(f"{k}={v}" for k, v in overrides.items())]))


def token_rows(
    family: str, model: Path, output: Path, overrides: dict[str, str], split: str = "train_dataset"
) -> list[tuple[list[int], list[int]]]:
    """(input ids, labels) of every row, by the host's own loader."""
    return [(row["input_ids"], row["labels"]) for row in host_data(family, model, output, overrides)[2][split]]


@pytest.mark.parametrize("family", ["qwen2_5vl", "qwen3vl"])
def test_raw_and_prepared_rows_give_the_same_tokens(family, corpus, prepared, models, tmp_path):
    raw = token_rows(family, models[family], tmp_path, {"dataset": str(corpus / "sft.jsonl")})
    json_rows = token_rows(family, models[family], tmp_path, {"dataset_dir": str(prepared)})
    assert raw == json_rows and len(raw) > 10
    assert all(any(label != -100 for label in labels) for _, labels in raw)


@pytest.mark.parametrize("family", ["qwen2_5vl", "qwen3vl"])
def test_a_dialogue_is_what_the_chat_template_writes_and_its_last_turns_are_trained(family, corpus, models, tmp_path):
    """The ids that rollouts and evaluation have, and the loss on the model's turns alone."""
    from dialogues import as_chat_template
    from transformers import AutoProcessor

    from data_prep.prepare.length import LengthLimit
    from data_prep.prepare.sft import prepare_sft
    from data_prep.prepare.source import Source
    from videokr.dialogue import SYSTEM, build_call_turn
    from videokr.errors import RecordError
    from videokr.jsonl import parse_record
    from videokr.prompt import build_prompt
    from videokr.response import build_response

    record = json.loads((corpus / "sft.jsonl").read_text().splitlines()[0])
    spans = [[(0.0, 1.0), (1.0, 2.5)], [(0.5, 0.75)]]
    record["rounds"] = [{"think": "look", "clue": of_turn} for of_turn in spans]
    raw = tmp_path / "dialogues.jsonl"
    raw.write_text(json.dumps(record) + "\n")
    prepare_sft(Source(raw, corpus), tmp_path / "data" / "videokr_dialogues.json", agentic=True)
    given = {"dataset": "videokr_dialogues", "dataset_dir": str(tmp_path / "data"), "cutoff_len": "4096"}
    ((ids, labels),) = token_rows(family, models[family], tmp_path, given)

    example, processor = parse_record(record), AutoProcessor.from_pretrained(models[family])
    asked = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [{"type": "video"}, {"type": "text", "text": build_prompt(example)}]},
    ]
    answer = build_response(example.rationale, example.answer)
    turns = [*(build_call_turn("look", of_turn) for of_turn in spans), answer]
    video = corpus / example.videos[0]
    expected = as_chat_template(asked, video, run_budget_of(family, given), processor, turns, spans)
    assert ids == list(expected)[: len(ids)] and len(expected) - len(ids) == 1  # the last line break
    trained = [token for token, label in zip(ids, labels, strict=True) if label != -100]
    assert processor.tokenizer.decode(trained) == "".join(f"{turn}<|im_end|>" for turn in turns)
    counts = LengthLimit(models[family], len(ids), run_budget_of(family, given), with_response=True, agentic=True)
    counts.refuse_longer(example, [str(video)], [None])
    with pytest.raises(RecordError, match=f"{len(ids):,} tokens"):
        replace(counts, max_tokens=len(ids) - 1).refuse_longer(example, [str(video)], [None])
    ((_, labels),) = token_rows(family, models[family], tmp_path, given | {"loss_turns": "2"})
    trained = [token for token, label in zip(ids, labels, strict=True) if label != -100]
    assert processor.tokenizer.decode(trained) == "".join(f"{turn}<|im_end|>" for turn in turns[1:])


@pytest.mark.parametrize("thinking", [True, False])
def test_a_dialogue_of_qwen3_5_calls_as_the_host_s_own_tool_format_does(thinking, corpus, models, tmp_path):
    """In XML, after its own thinking or another; what its chat template writes, and the length filter counts."""
    import re

    from dialogues import TOLD_IN_XML, turn_thinking_off
    from llamafactory.data.tool_utils import FunctionCall, Qwen35ToolUtils
    from transformers import AutoTokenizer

    from data_prep.prepare.length import LengthLimit
    from data_prep.prepare.sft import prepare_sft
    from data_prep.prepare.source import Source
    from videokr.jsonl import parse_record
    from videokr.video.timeline import read_header

    model = tmp_path / "model"
    shutil.copytree(models["qwen3_5"], model)
    if not thinking:
        turn_thinking_off(model)
    record = json.loads((corpus / "sft.jsonl").read_text().splitlines()[0])
    record["rounds"] = [{"think": "look", "clue": [(0.0, 1.0), (1.0, 2.5)]}, {"think": "more", "clue": [(0.5, 0.75)]}]
    raw = tmp_path / "dialogues.jsonl"
    raw.write_text(json.dumps(record) + "\n")
    prepare_sft(Source(raw, corpus), tmp_path / "data" / "videokr_dialogues.json", agentic=True)
    given = {"dataset": "videokr_dialogues", "dataset_dir": str(tmp_path / "data"), "cutoff_len": "4096"}
    ((ids, labels),) = token_rows("qwen3_5", model, tmp_path, given)
    tokenizer = AutoTokenizer.from_pretrained(model)
    trained = tokenizer.decode([token for token, label in zip(ids, labels, strict=True) if label != -100])
    calls = [
        [
            FunctionCall("get_video_clip_frame", json.dumps({"start_time": start, "end_time": end}))
            for start, end in spans
        ]
        for spans in (one["clue"] for one in record["rounds"])
    ]
    first, second = map(Qwen35ToolUtils.function_formatter, calls)
    opened, closed = ("", "\n</think>\n\n") if thinking else ("<think>", "</think>\n")
    said = f"{opened}look{closed}{first}<|im_end|>{opened}more{closed}{second}<|im_end|>{opened}"
    assert trained.startswith(said)
    whole = tokenizer.decode(ids)
    assert whole.startswith(f"<|im_start|>system\n{TOLD_IN_XML}<|im_end|>\n<|im_start|>user\n")
    asked = "<think>\n" if thinking else "<think>\n\n</think>\n\n<think>"
    assert len(re.findall(rf"</tool_response><\|im_end\|>\n<\|im_start\|>assistant\n{asked}", whole)) == 2
    if thinking:  # which a template that closes it leaves out of what was said
        turns = re.findall(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>|$)", whole, re.DOTALL)
        messages = [{"role": role, "content": content} for role, content in turns]
        assert tokenizer.apply_chat_template(messages, tokenize=False) == whole + "\n"
    limit = LengthLimit(model, 4096, run_budget_of("qwen3_5", given), with_response=True, agentic=True)
    example = parse_record(record)
    assert limit.tokens(example, [read_header(corpus / video) for video in example.videos]) == len(ids)


@pytest.mark.parametrize("said", ["<answer>{}</answer>", "<think></think>\n<answer>{}</answer>"])
def test_rows_without_a_rationale_are_trained_as_the_user_says(said, corpus, models, tmp_path):
    """Raw and prepared alike; the second form comes after the first, whose converted rows the host has in its cache."""
    from transformers import AutoTokenizer

    from data_prep.prepare.sft import prepare_sft
    from data_prep.prepare.source import Source

    raw, form = corpus / "plain.jsonl", "answer-only" if said.startswith("<answer>") else "empty-think"
    records = [json.loads(line) for line in (corpus / "sft.jsonl").read_text().splitlines()[:4]]
    raw.write_text("".join(json.dumps(record | {"think": ""}) + "\n" for record in records))
    tokens = token_rows("qwen3vl", models["qwen3vl"], tmp_path, {"dataset": str(raw), "no_rationale": form})
    prepare_sft(Source(raw), corpus / "videokr_plain.json", without_rationale=form)
    prepared = {"dataset": "videokr_plain", "dataset_dir": str(corpus)}
    assert token_rows("qwen3vl", models["qwen3vl"], tmp_path, prepared) == tokens
    tokenizer = AutoTokenizer.from_pretrained(models["qwen3vl"])
    trained = [tokenizer.decode([label for label in labels if label != -100]) for _, labels in tokens]
    answers = [record["solution"].removeprefix("<answer>").removesuffix("</answer>") for record in records]
    assert trained == [f"{said.format(answer)}<|im_end|>" for answer in answers]


def test_the_published_template_gives_the_same_tokens_and_a_line_break(prepared, models, tmp_path):
    ours = token_rows("qwen3vl", models["qwen3vl"], tmp_path, {"dataset_dir": str(prepared)})
    published = token_rows(
        "qwen3vl", models["qwen3vl"], tmp_path, {"dataset_dir": str(prepared), "template": "qwen3_vl"}
    )
    line_break = published[0][0][-1]
    assert [([*ids, line_break], [*labels, line_break]) for ids, labels in ours] == published


@pytest.mark.parametrize("family", ["qwen2_5vl", "qwen3vl"])
def test_a_prompt_is_that_of_all_stages(family, prepared, models, tmp_path):
    """What stands before the answer, to the token: the other hosts are held against the same file."""
    from transformers import AutoTokenizer

    from videokr.jsonl import read_examples
    from videokr.prompt import build_prompt

    golden = json.loads((GOLDEN / "video_prompts.json").read_text(encoding="utf-8"))[family]
    first = next(read_examples(prepared / "sft.jsonl"))
    ids, labels = token_rows(family, models[family], tmp_path, {"dataset_dir": str(prepared)})[0]
    asked = [token for token, label in zip(ids, labels, strict=True) if label == -100]
    tokenizer = AutoTokenizer.from_pretrained(models[family])
    assert tokenizer.decode(asked) == golden.format(question=build_prompt(first))


def test_a_thinking_checkpoint_is_trained_on_what_its_own_template_says(corpus, prepared, tmp_path, capfd):
    """The template of the model, rendered by transformers, gives every token but the line break after the turn."""
    from transformers import AutoTokenizer

    from data_prep.demo.tiny_model import build_model, corpus_of
    from data_prep.prepare.length import LengthLimit
    from videokr.budget import SFT_BUDGET
    from videokr.family import FAMILIES
    from videokr.jsonl import read_examples
    from videokr.video.timeline import read_header

    model = tmp_path / "model"
    build_model(FAMILIES["qwen3vl"], corpus_of(corpus / "sft.jsonl"), model, thinking=True)
    raw = token_rows("qwen3vl", model, tmp_path, {"dataset": str(corpus / "sft.jsonl")})
    assert "'<|im_start|>assistant\\n<think>\\n': the prompt opens the thinking" in capfd.readouterr().out
    assert raw == token_rows("qwen3vl", model, tmp_path, {"dataset_dir": str(prepared)})
    tokenizer = AutoTokenizer.from_pretrained(model)
    limit = LengthLimit(model, 4096, SFT_BUDGET, with_response=True)
    for (ids, labels), example in zip(raw, read_examples(prepared / "sft.jsonl"), strict=True):
        asked = tokenizer.decode([token for token, label in zip(ids, labels, strict=True) if label == -100])
        question = asked.removeprefix("<|im_start|>user\n").partition("<|im_end|>")[0]
        turns = [
            {"role": "user", "content": question},
            {"role": "assistant", "content": f"<think>{example.rationale}</think>\n<answer>{example.answer}</answer>"},
        ]
        prompt, whole = (
            tokenizer.apply_chat_template(shown, tokenize=False, add_generation_prompt=shown is not turns)
            for shown in (turns[:1], turns)
        )
        assert asked == prompt and prompt.endswith("assistant\n<think>\n")
        said = f"{example.rationale}\n</think>\n\n<answer>{example.answer}</answer><|im_end|>\n"
        assert whole == prompt + said
        assert ids == tokenizer(whole.removesuffix("\n"), add_special_tokens=False)["input_ids"]
        headers = [read_header(prepared / video) for video in example.videos]
        assert limit.tokens(example, headers) == len(ids)


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_key_is_an_argument_of_the_host(config):
    from llamafactory_plugin.settings import host_arguments, read_config

    assert set(read_config([str(config)])) - set(host_arguments()) == set()


def test_published_hyperparameters():
    from llamafactory_plugin.settings import read_config
    from videokr.budget import SFT_BUDGET
    from videokr.family import FAMILIES

    for name, family in FAMILIES.items():
        config = read_config([str(CONFIGS / f"{name}_sft.yaml")])
        assert config["template"] == family.template
        assert config["video_max_pixels"] == SFT_BUDGET.max_pixels
        assert (config["video_fps"], config["video_maxlen"]) == (SFT_BUDGET.fps, SFT_BUDGET.max_frames)
        assert (config["learning_rate"], config["weight_decay"], config["warmup_ratio"]) == (1e-5, 1e-6, 0.02)
        assert config["freeze_vision_tower"] and config["freeze_multi_modal_projector"]
        assert (ROOT / config["deepspeed"]).is_file()


def test_one_process_trains_a_raw_file(corpus, models, tmp_path):
    records = [json.loads(line) for line in (corpus / "sft.jsonl").read_text(encoding="utf-8").splitlines()]
    raw = tmp_path / "raw.jsonl"
    raw.write_text("".join(json.dumps(record | {"think": record["think"] * (n > 2)}) + "\n" for n, record in
                           enumerate(records)))  # fmt: skip
    given = {"dataset": str(raw), "media_dir": str(corpus), "no_rationale": "answer-only"}
    done = launch("qwen2_5vl", models["qwen2_5vl"], tmp_path, given, FORCE_TORCHRUN="0")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "3 records have no rationale (no_rationale=answer-only): the format reward of GRPO" in done.stdout
    assert (tmp_path / "model.safetensors").is_file() and (tmp_path / "processor_config.json").is_file()
    from videokr.budget import SFT_BUDGET
    from videokr.training_card import read_training_card

    card = read_training_card(tmp_path)
    assert card is not None and card.stage == "sft" and card.budget.max_frames == SFT_BUDGET.max_frames
    assert card.videos == {"fast": True, "proxies": False}
    assert json.loads((tmp_path / "trainer_state.json").read_text(encoding="utf-8"))["global_step"] == 2
    waited = json.loads((tmp_path / "input_wait.json").read_text(encoding="utf-8"))
    assert waited["steps"] == 1 and 0 <= waited["waited_seconds"] <= waited["seconds"] and 0 <= waited["share"] <= 1
    assert f"waited for input in {waited['share']:.1%} of the time" in done.stdout


BAD = {
    "no rationale": ({"think": ""}, ["raw.jsonl, line 2", "think", "no_rationale=answer-only"]),
    "no answer": ({"solution": ""}, ["raw.jsonl, line 2", "solution"]),
    "missing video": ({"video_path": "videos/none.mp4"}, ["raw.jsonl, line 2", "videos/none.mp4", "is not there"]),
}


@pytest.mark.parametrize("fault", list(BAD))
def test_a_bad_record_ends_the_training_in_one_line(fault, corpus, models, tmp_path):
    change, words = BAD[fault]
    records = [json.loads(line) for line in (corpus / "sft.jsonl").read_text(encoding="utf-8").splitlines()]
    records[1].update(change)
    raw = tmp_path / "raw.jsonl"
    raw.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    done = launch(
        "qwen3vl",
        models["qwen3vl"],
        tmp_path / "out",
        {"dataset": str(raw), "media_dir": str(corpus)},
        FORCE_TORCHRUN="0",
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 2 and len(errors) == 1, done.stderr[-2000:]
    assert all(word in errors[0] for word in words)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        ([], "no configuration file"),
        (["none.yaml"], "none.yaml"),
        (["CONFIG", "model_name_or_path=/none/model", "output_dir=OUT"], "/none/model"),
        (["CONFIG", "model_name_or_path=MODEL", "output_dir=OUT", "dataset_dir=/none"], "dataset_info.json"),
        (["CONFIG", "model_name_or_path=MODEL", "output_dir=OUT", "dataset=/none/x.jsonl"], "/none/x.jsonl"),
        (["CONFIG", "model_name_or_path=MODEL", "output_dir=OUT", "dataset=nosuch", "dataset_dir=DATA"], "nosuch"),
        (
            ["CONFIG", "model_name_or_path=MODEL", "output_dir=OUT", "dataset=DATA/videokr_train.json"],
            "prepared already: give DATASET_DIR=.* dataset=videokr_train",
        ),
        (
            ["CONFIG", "model_name_or_path=MODEL", "output_dir=OUT", "dataset_dir=DATA", "lerning_rate=1"],
            "lerning_rate",
        ),
        (["CONFIG", "model_name_or_path=MODEL", "output_dir=OUT", "loud"], "loud"),
        (["CONFIG", "model_name_or_path=MODEL", "output_dir=OUT", "no_rationale=none"], "answer-only or empty-think"),
        (["CONFIG", "model_name_or_path=1e3", "output_dir=OUT"], "model '1e3' is not there"),
        (["CONFIG", "model_name_or_path=MODEL", "output_dir=OUT", "dataset_dir=LATIN"], "is not JSON"),
        *(
            (["CONFIG", "model_name_or_path=MODEL", "output_dir=OUT", "dataset_dir=DATA", *more.split()], word)
            for more, word in {
                "on_long_row=cut": "fail or drop",
                "eval_dataset=/none/y.jsonl": "/none/y.jsonl",
                "eval_dataset=nosuch": "nosuch",
                "resume_from_checkpoint=/none/checkpoint-1": "/none/checkpoint-1",
                "stage=pt": "sft is the only one",
                "flash_attn=fa2": "flash-attn is not installed.*flash_attn=auto",
                "report_to=trackio": "pip install .*trackio",
                "report_to=none_such": "none_such is not supported",
                "quantization_bit=4 finetuning_type=lora": "pip install .*bitsandbytes",
                "optim=adamw_8bit": "pip install .*bitsandbytes",
                "enable_liger_kernel=true": "pip install .*liger",
            }.items()
        ),
    ],
)
def test_user_mistakes_are_named(argv, word, prepared, models, tmp_path):
    from llamafactory_plugin.settings import checked, read_config
    from videokr.errors import UserError

    put = {"CONFIG": CONFIGS / "qwen3vl_sft.yaml", "MODEL": models["qwen3vl"], "OUT": tmp_path / "o", "DATA": prepared}
    put["LATIN"] = tmp_path / "latin"
    put["LATIN"].mkdir()
    (put["LATIN"] / "dataset_info.json").write_bytes(b'{"a": "\xe9"}')
    for name, value in put.items():
        argv = [argument.replace(name, str(value)) for argument in argv]
    with pytest.raises(UserError, match=word):
        checked(read_config(argv))


def test_a_name_that_no_hub_has_is_a_mistake(models, tmp_path, monkeypatch):
    """A relative folder that is misspelt looks like a name on the hub."""
    from llamafactory_plugin.train import refuse_what_the_host_refuses
    from videokr.errors import UserError

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.chdir(models["qwen3vl"].parent)
    settings = {"stage": "sft", "do_train": True, "use_cpu": True, "template": "qwen3_vl", "output_dir": str(tmp_path)}
    settings["dataset"] = "x"
    refuse_what_the_host_refuses(settings | {"model_name_or_path": models["qwen3vl"].name})
    with pytest.raises(UserError, match="model 'small/nothere' is no folder, and no hub gives it: "):
        refuse_what_the_host_refuses(settings | {"model_name_or_path": "small/nothere"})


def test_paths_are_taken_as_typed():
    from llamafactory_plugin.settings import read_config

    given = ["output_dir=1e3", "media_dir=a #b", "learning_rate=1e-3"]
    config = read_config([str(CONFIGS / "qwen3vl_sft.yaml"), *given])
    assert (config["output_dir"], config["media_dir"], config["learning_rate"]) == ("1e3", "a #b", 1e-3)


@pytest.mark.parametrize("torchrun", ["0", "1"])
def test_an_undecodable_video_is_named(torchrun, corpus, models, tmp_path):
    record = json.loads((corpus / "sft.jsonl").read_text(encoding="utf-8").splitlines()[0])
    (tmp_path / "videos").mkdir()
    (tmp_path / record["video_path"]).write_text("<html>not a video</html>", encoding="utf-8")
    raw = tmp_path / "raw.jsonl"
    raw.write_text(json.dumps(record) + "\n", encoding="utf-8")
    done = launch("qwen2_5vl", models["qwen2_5vl"], tmp_path / "out", {"dataset": str(raw)}, FORCE_TORCHRUN=torchrun)
    assert done.returncode == 2, done.stderr[-2000:]
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert record["video_path"] in error and "Traceback" not in done.stderr


def break_off(whole: Path, output: Path) -> None:
    """The first part of a clip whose header, put first, promises all of it."""
    from odd_clips import put_index_first

    put_index_first(whole, output)
    content = output.read_bytes()
    output.write_bytes(content[: round(len(content) * 0.6)])


@pytest.fixture
def damaged(corpus, tmp_path) -> tuple[Path, list[str]]:
    """A corpus of which one video breaks off and another is none; their names."""
    folder = tmp_path / "corpus"
    shutil.copytree(corpus, folder)
    records = [json.loads(line) for line in (folder / "sft.jsonl").read_text(encoding="utf-8").splitlines()]
    broken, empty = list(dict.fromkeys(record["video_path"] for record in records))[:2]
    break_off(corpus / broken, folder / broken)
    (folder / empty).write_bytes(b"<html>not a video</html>")
    return folder, [broken, empty]


def test_a_video_that_breaks_off_ends_the_run_with_its_name(damaged, corpus, models, tmp_path):
    folder, (broken, empty) = damaged
    shutil.copy(corpus / empty, folder / empty)
    settings = {"dataset": str(folder / "sft.jsonl"), "dataloader_num_workers": "1", "max_steps": "30"}
    done = launch("qwen3vl", models["qwen3vl"], tmp_path / "out", settings, FORCE_TORCHRUN="0")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2 and len(errors) == 1, done.stderr[-2000:]
    assert broken in errors[0] and "frames decode" in errors[0] and "on_bad_video=skip" in errors[0]


@pytest.mark.parametrize("streaming", [False, True])
def test_bad_videos_are_skipped_counted_and_listed(streaming, damaged, corpus, models, tmp_path):
    """A broken one is the first row; where the rows can be counted, the evaluation split holds both, too."""
    folder, names = damaged
    settings = {"dataset": str(folder / "sft.jsonl"), "dataloader_num_workers": "1", "max_steps": "30"}
    settings |= {"on_bad_video": "skip", "save_strategy": "no"}
    if streaming:
        settings |= {"streaming": "true", "buffer_size": "1"}
    else:
        settings |= {"eval_dataset": str(folder / "sft.jsonl"), "eval_strategy": "steps", "eval_steps": "15"}
    done = launch("qwen3vl", models["qwen3vl"], tmp_path / "out", settings, FORCE_TORCHRUN="0")
    assert done.returncode == 0, done.stderr[-2000:]
    state = json.loads((tmp_path / "out" / "trainer_state.json").read_text(encoding="utf-8"))
    assert state["global_step"] == 30
    evaluated = [entry["step"] for entry in state["log_history"] if "eval_loss" in entry]
    assert evaluated == ([] if streaming else [15, 30])
    assert "2 videos do not decode" in done.stdout and all(name in done.stdout for name in names)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("packing=flase", "packing is 'flase': true or false is needed"),
        ("qwen3_5 neat_packing=true", "each row of a pack would go on from the state of the one before"),
        ("freeze_vision_tower=flase", "freeze_vision_tower is 'flase': true or false"),
        ("learning_rate=1e-4x", "learning_rate is '1e-4x': a number is needed"),
        ("max_steps=ten", "max_steps is 'ten': a whole number"),
        ("cutoff_len=abc", "cutoff_len is 'abc': a whole number"),
        ("cutoff_len=", "cutoff_len is '': a whole number"),
        ("freeze_vision_tower=", "freeze_vision_tower is '': true or false"),
        ("do_train=", "do_train is '': true or false"),
        ("tokenized_path=tokens", "tokenized_path 'tokens': the host would train what was tokenised there"),
        ("eval_dataset={file}", "nothing is evaluated: add eval_strategy=steps"),
        ("report_to=wandb", "report_to=wandb needs wandb|wandb has no key"),
    ],
)
def test_a_value_that_the_host_would_take_otherwise_is_refused(setting, says, corpus, models, tmp_path):
    from llamafactory_plugin.settings import checked, read_config
    from videokr.errors import UserError

    file = corpus / "sft.jsonl"
    *named, setting = setting.split()
    family = named[0] if named else "qwen3vl"
    config = read_config(
        [str(CONFIGS / f"{family}_sft.yaml"), f"model_name_or_path={models[family]}", f"dataset={file}",
         f"output_dir={tmp_path / 'out'}", "report_to=none", setting.format(file=file)]
    )  # fmt: skip
    with pytest.raises(UserError, match=says):
        checked(config)


def test_a_run_whose_videos_are_all_bad_ends_in_one_line_though_they_are_skipped(corpus, models, tmp_path):
    folder = tmp_path / "corpus"
    shutil.copytree(corpus, folder)
    for video in (folder / "videos").iterdir():
        video.write_bytes(b"<html>not a video</html>")
    settings = {"dataset": str(folder / "sft.jsonl"), "dataloader_num_workers": "1", "on_bad_video": "skip"}
    done = launch("qwen3vl", models["qwen3vl"], tmp_path / "out", settings, FORCE_TORCHRUN="0")
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr[-2000:]
    assert "error: 20 rows in a row have videos that do not decode: see '" in done.stderr


def test_a_row_longer_than_cutoff_len_ends_training_in_one_line(corpus, models, tmp_path):
    settings = {"dataset": corpus / "sft.jsonl", "cutoff_len": "200", "max_steps": "1"}
    done = launch("qwen3vl", models["qwen3vl"], tmp_path / "out", settings, FORCE_TORCHRUN="0")
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr[-2000:]
    (error,) = [line for line in done.stderr.splitlines() if "error: " in line]
    assert all(word in error for word in ("videos/", "206 tokens", "cutoff_len allows 200", "on_long_row=drop"))


@pytest.mark.parametrize("family", ["qwen2_5vl", "qwen3vl"])
def test_no_row_longer_than_cutoff_len_is_cut(family, corpus, prepared, models, tmp_path):
    from videokr.errors import UserError

    def rows(split="train_dataset", **overrides):
        return token_rows(family, models[family], tmp_path, {"dataset": str(corpus / "sft.jsonl"), **overrides}, split)

    whole = rows()
    lengths = [len(ids) for ids, _ in whole]
    limit = sorted(lengths)[len(whole) // 2] - 1
    fitting = [row for row in whole if len(row[0]) <= limit]
    assert 0 < len(fitting) < len(whole)
    drop = {"cutoff_len": str(limit), "on_long_row": "drop"}
    assert rows(**drop) == fitting
    listed = (tmp_path / "long_rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert sorted(json.loads(line)["tokens"] for line in listed) == sorted(n for n in lengths if n > limit)
    assert rows(**drop, dataset="videokr_train", dataset_dir=str(prepared)) == fitting
    evaluated = {"eval_dataset": str(corpus / "sft.jsonl"), "eval_strategy": "steps", "eval_steps": "1"}
    assert rows(**drop, **evaluated, split="eval_dataset") == fitting
    assert sorted(rows(**drop, streaming="true", preprocessing_batch_size="1")) == sorted(fitting)
    # A pack holds whole rows: as many ends of turn as rows, and every response of theirs.
    packed = rows(**{**drop, "cutoff_len": str(limit + 1)}, packing="true")
    trained = sorted(label for _, labels in packed for label in labels if label != -100)
    assert trained == sorted(label for _, labels in fitting for label in labels if label != -100)
    with pytest.raises(UserError, match=f"cutoff_len allows {limit}"):
        rows(cutoff_len=str(limit))


CONVERSATIONS = [
    ["Which way does the square go?", "left", "And the triangle?", "up", "And the circle?", "down"],
    ["Which way does the square go?", "right"],
]


def write_conversations(folder: Path) -> str:
    """Rows of text alone, as other people's sharegpt data hold them; the data set's name."""
    from llamafactory_plugin.rows import DATASET_INFO_FILE, build_dataset_entry

    roles = ("user", "assistant")
    turns = [[{"role": roles[i % 2], "content": text} for i, text in enumerate(said)] for said in CONVERSATIONS]
    (folder / "talk.json").write_text(
        json.dumps([{"messages": turn, "videos": []} for turn in turns]), encoding="utf-8"
    )
    (folder / DATASET_INFO_FILE).write_text(json.dumps({"talk": build_dataset_entry("talk.json")}), encoding="utf-8")
    return "talk"


@pytest.mark.parametrize("family", ["qwen2_5vl", "qwen3vl"])
def test_several_turns_are_those_of_the_chat_template(family, models, tmp_path):
    from transformers import AutoTokenizer

    from videokr.family import END_OF_TURN

    where = {"dataset": write_conversations(tmp_path), "dataset_dir": str(tmp_path)}
    rows = token_rows(family, models[family], tmp_path / "out", where)
    tokenizer = AutoTokenizer.from_pretrained(models[family])
    for (ids, labels), said in zip(rows, CONVERSATIONS, strict=True):
        messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(said)]
        text = tokenizer.apply_chat_template(messages, tokenize=False)
        assert tokenizer.decode(ids) + "\n" == text
        assert ids == tokenizer(text.removesuffix("\n"), add_special_tokens=False)["input_ids"]
        answers = tokenizer.decode([label for label in labels if label != -100])
        assert answers == "".join(answer + END_OF_TURN for answer in said[1::2])


@pytest.mark.parametrize("family", ["qwen2_5vl", "qwen3vl"])
def test_packs_of_text_alone_have_the_loss_of_their_rows(family, models, tmp_path):
    import torch
    from llamafactory.data.collator import SFTDataCollatorWith4DAttentionMask
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(models[family], attn_implementation="sdpa").eval()
    where = {"dataset": write_conversations(tmp_path), "dataset_dir": str(tmp_path), "cutoff_len": "200"}

    def loss(neat: bool) -> tuple[int, float]:
        given = where | {"neat_packing": str(neat)}
        template, tokens, data = host_data(family, models[family], tmp_path / "out", given)
        mask = {"block_diag_attn": neat, "neat_packing": neat, "attn_implementation": "sdpa"}
        collate = SFTDataCollatorWith4DAttentionMask(
            template=template, model=model, pad_to_multiple_of=8, label_pad_token_id=-100, **mask, **tokens
        )
        total = count = 0
        for row in data["train_dataset"]:
            batch = collate([dict(row)])
            number = int((batch["labels"][:, 1:] != -100).sum())
            with torch.no_grad():
                total += number * model(**batch).loss.item()
            count += number
        return len(data["train_dataset"]), total / count

    (alone, expected), (packs, got) = loss(False), loss(True)
    assert packs < alone and got == pytest.approx(expected, rel=1e-5)


def test_raw_files_of_one_name_are_both_read(corpus, models, tmp_path):
    records = (corpus / "sft.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "videos").symlink_to(corpus / "videos")
    other = tmp_path / "other" / "sft.jsonl"
    other.write_text("\n".join(records[:3]) + "\n", encoding="utf-8")
    alone = token_rows("qwen3vl", models["qwen3vl"], tmp_path / "out", {"dataset": str(corpus / "sft.jsonl")})
    files = {"dataset": f"{corpus / 'sft.jsonl'},{other}"}
    assert token_rows("qwen3vl", models["qwen3vl"], tmp_path / "out", files) == alone + alone[:3]


def test_cutoff_len_is_held_against_the_prepared_length(corpus, models, tmp_path):
    from data_prep.prepare.length import LengthLimit
    from data_prep.prepare.sft import prepare_sft
    from data_prep.prepare.source import Source
    from llamafactory_plugin.settings import checked, read_config
    from videokr.budget import SFT_BUDGET
    from videokr.errors import UserError

    model = models["qwen3vl"]
    source = Source(corpus / "sft.jsonl", corpus, limit=LengthLimit(model, 300, SFT_BUDGET, with_response=True))
    prepare_sft(source, tmp_path / "short.json")

    def check(*more: str) -> None:
        given = [f"model_name_or_path={model}", f"output_dir={tmp_path}", f"dataset_dir={tmp_path}", "dataset=short"]
        checked(read_config([str(CONFIGS / "qwen3vl_sft.yaml"), *given, *more]))

    check("cutoff_len=300")
    check("cutoff_len=256", "on_long_row=drop")
    with pytest.raises(UserError, match="--max-tokens 300, and cutoff_len is 256"):
        check("cutoff_len=256")


def test_settings_that_the_host_takes_another_way_are_put_right(corpus, models, tmp_path):
    from llamafactory_plugin.settings import checked, read_config, remarks

    given = [f"model_name_or_path={models['qwen3vl']}", f"output_dir={tmp_path}", f"dataset={corpus / 'sft.jsonl'}"]
    given += ["save_strategy=no", "streaming=true", "max_steps=2", "template=qwen3_vl"]
    config = checked(read_config([str(CONFIGS / "qwen3vl_sft.yaml"), *given]))
    assert config["save_strategy"] == "no"  # false, as YAML reads it
    assert config["accelerator_config"] == {"dispatch_batches": False}
    assert config["flash_attn"] == "sdpa"  # of auto, as shipped
    said = "\n".join(remarks(config))
    assert "attention: sdpa" in said and "qwen3_vl samples the frames" in said and "videokr_qwen3vl" in said


def test_a_training_that_stops_early_is_a_failure(tmp_path):
    from llamafactory_plugin.train import check_finished

    (tmp_path / "trainer_state.json").write_text('{"global_step": 3, "max_steps": 4}', encoding="utf-8")
    with pytest.raises(RuntimeError, match="step 3 of 4"):
        check_finished(tmp_path)


def test_launcher_refuses_an_unknown_family():
    done = subprocess.run(
        ["bash", str(ROOT / "local_script" / "train_videokr.sh"), "llava"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "llava" in done.stderr


@pytest.mark.parametrize("family", ["qwen2_5vl", "qwen2.5vl", "qwen3vl", "qwen3_vl"])
def test_dry_run_prints_the_published_command(family):
    done = subprocess.run(
        ["bash", str(ROOT / "local_script" / "train_videokr.sh"), family, "learning_rate=2e-5"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(DRY_RUN="1", NPROC_PER_NODE="8"),
    )
    name = "qwen3vl" if "3" in family else "qwen2_5vl"
    assert done.returncode == 0, done.stderr
    for word in ("--nproc_per_node 8", f"{name}_sft.yaml", f"saves/videokr/{name}_sft", "learning_rate=2e-5"):
        assert word in done.stdout
