"""What a GRPO run goes on from, what it refuses, and what it sets aside; verl's own functions find and log."""

import json
import re
from pathlib import Path

import pytest
from checkout import ROOT

pytest.importorskip("verl")
pytestmark = pytest.mark.rl

CONFIG = ROOT / "verl_plugin" / "config"
ROWS = 40  # of the data file; ten steps of four prompts


@pytest.fixture(scope="module")
def shipped():
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(CONFIG), version_base=None):
        return compose("videokr_grpo", ["hydra.searchpath=[pkg://verl.trainer.config]"])


@pytest.fixture
def start(shipped, tmp_path, capsys, monkeypatch):
    """Starts runs in one folder, as far as verl: the step that each goes on from, and what it says."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from omegaconf import OmegaConf

    from verl_plugin import run_folder

    monkeypatch.setattr(run_folder, "find_generation_prompt", lambda model: None)  # no processor is in these folders

    pq.write_table(pa.table({"row": range(ROWS)}), tmp_path / "train.parquet")
    for name in ("model", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"name": name}))
    fixed = {
        "data.train_files": tmp_path / "train.parquet",
        "data.train_batch_size": 4,
        "trainer.n_gpus_per_node": 1,
        "trainer.default_local_dir": tmp_path / "out" / "checkpoints",
        "trainer.rollout_data_dir": tmp_path / "out" / "rollouts",
        "trainer.validation_data_dir": tmp_path / "out" / "validation",
        "actor_rollout_ref.model.path": tmp_path / "model",
    }

    def run(changes=None):
        config = OmegaConf.create(OmegaConf.to_yaml(shipped))
        for name, value in (fixed | (changes or {})).items():
            OmegaConf.update(config, name, str(value) if isinstance(value, Path) else value)
        step = run_folder.take_up(config, {"VERL_FILE_LOGGER_PATH": str(tmp_path / "out" / "metrics.jsonl")})
        return step, capsys.readouterr().out

    return run


def train(out, first, last, saved, said="first"):
    """Leaves what verl leaves of steps, of which the last is in no checkpoint if it is beyond `saved`."""
    for folder in ("rollouts", "validation"):
        (out / folder).mkdir(exist_ok=True, parents=True)
    with (out / "metrics.jsonl").open("a") as metrics:
        for step in range(first, last + 1):
            (out / "rollouts" / f"{step}.jsonl").write_text(f'{{"said": "{said}"}}\n')
            metrics.write(json.dumps({"step": step, "data": {"said": said}}) + "\n")
    if saved:
        shard = out / "checkpoints" / f"global_step_{saved}" / "actor" / "model_world_size_1_rank_0.pt"
        shard.parent.mkdir(parents=True)
        shard.touch()
        (out / "checkpoints" / "latest_checkpointed_iteration.txt").write_text(str(saved))


def logged(file):
    return [json.loads(line)["step"] for line in file.read_text().splitlines()]


def numbers(folder):
    return sorted(int(path.stem) for path in folder.glob("*.jsonl"))


def test_a_run_goes_on_from_its_checkpoint_and_steps_done_again_are_in_no_file_twice(start, tmp_path):
    out = tmp_path / "out"
    assert start() == (0, "")
    train(out, 1, 7, saved=4)
    (out / "checkpoints" / "global_step_8").mkdir()  # killed while it was written: verl's own note says 4
    with (out / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"step": 8, "da')
    step, said = start({"actor_rollout_ref.actor.optim.lr": 1e-6, "trainer.val_before_train": False})
    first, *differing, last = said.splitlines()
    assert step == 4 and first.startswith("going on from step 4 of ") and "beyond step 4 is set aside" in last
    assert differing == ["  since it began: actor_rollout_ref.actor.optim.lr: 5e-06 before, 1e-06 now"]
    assert logged(out / "metrics.jsonl") == numbers(out / "rollouts") == [1, 2, 3, 4]
    assert numbers(out / "rollouts" / "earlier-1") == [5, 6, 7]
    assert (out / "earlier-1" / "metrics.jsonl").read_text().splitlines()[-1] == '{"step": 8, "da'
    assert sorted(path.name for path in (out / "checkpoints").glob("global*")) == ["global_step_4"]
    assert (out / "checkpoints" / "earlier-1" / "global_step_8").is_dir()
    assert start({"trainer.val_before_train": False})[1].count("\n") == 1  # nothing is left to set aside


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"actor_rollout_ref.model.path": "other"}, r"began with model '.*/model', and not '.*/other'.*another outp"),
        ({"data.train_files": "other.parquet"}, r"began with data '\S+train\.parquet' .*, and not '\S+other\.parquet'"),
        ({"trainer.n_gpus_per_node": 8}, r"was saved by 1 GPUs, and this run has 8"),
        ({"trainer.resume_mode": "resume_path"}, r"resume_from_path=None: give a folder of a checkpoint"),
        ({"data.train_files": "gone.parquet"}, r"train_files '.*gone\.parquet' is not there"),
    ],
)
def test_another_model_or_other_data_is_refused(start, tmp_path, changed, says):
    from videokr.errors import UserError

    start()
    train(tmp_path / "out", 1, 5, saved=4)
    (tmp_path / "other.parquet").write_bytes((tmp_path / "train.parquet").read_bytes() + b" ")
    known = {"other", "other.parquet", "gone.parquet"}
    with pytest.raises(UserError, match=says) as told:
        start({name: tmp_path / value if value in known else value for name, value in changed.items()})
    assert "\n" not in str(told.value)
    assert numbers(tmp_path / "out" / "rollouts") == [1, 2, 3, 4, 5]  # and nothing is touched


def test_a_checkpoint_that_is_not_there_is_named(start, tmp_path):
    from videokr.errors import UserError

    start()
    train(tmp_path / "out", 1, 4, saved=4)
    (tmp_path / "out" / "checkpoints" / "global_step_4").rename(tmp_path / "away")
    with pytest.raises(UserError, match=r"latest_checkpointed_iteration\.txt' names checkpoint '4', which is not ther"):
        start()


def test_a_finished_run_says_so_and_goes_on_when_it_is_given_more(start, tmp_path):
    start()
    train(tmp_path / "out", 1, 10, saved=10)
    step, said = start()
    assert step is None and said.startswith("finished: ") and "is at step 10" in said and said.count("\n") == 1
    assert start({"trainer.total_training_steps": 10, "trainer.total_epochs": 2})[0] is None
    assert start({"trainer.val_only": True})[0] == 10
    step, said = start({"trainer.total_epochs": 2})
    assert step == 10 and "since it began: trainer.total_epochs: 1 before, 2 now" in said


def test_a_run_that_starts_anew_leaves_nothing_of_the_earlier_one_in_its_place(start, tmp_path):
    out = tmp_path / "out"
    start()
    train(out, 1, 5, saved=4)
    step, said = start({"trainer.resume_mode": "disable", "actor_rollout_ref.model.path": tmp_path / "other"})
    assert step == 0 and "beyond step 0 is set aside" in said
    assert numbers(out / "rollouts") == [] == logged(out / "metrics.jsonl")
    assert [path.name for path in (out / "checkpoints").iterdir() if path.is_file()] == ["videokr_training.json"]
    aside = out / "checkpoints" / "earlier-1"
    moved = {path.name for path in aside.iterdir()}
    assert moved == {"global_step_4", "latest_checkpointed_iteration.txt", "videokr_training.json"}
    assert "/other" in (out / "checkpoints" / "videokr_training.json").read_text()
    train(out, 1, 2, saved=0, said="second")  # ended before its first checkpoint
    assert start({"actor_rollout_ref.model.path": tmp_path / "other"})[0] == 0
    assert numbers(out / "rollouts" / "earlier-2") == [1, 2]


def test_a_run_goes_back_to_an_earlier_checkpoint(start, tmp_path):
    out = tmp_path / "out"
    start()
    train(out, 1, 4, saved=4)
    train(out, 5, 8, saved=8)
    back = {"trainer.resume_mode": "resume_path", "trainer.resume_from_path": f"{out}/checkpoints/global_step_4/"}
    assert start(back)[0] == 4
    assert (out / "checkpoints" / "latest_checkpointed_iteration.txt").read_text() == "4"
    assert logged(out / "metrics.jsonl") == [1, 2, 3, 4] and start()[0] == 4
    elsewhere = back | {"trainer.default_local_dir": tmp_path / "second" / "checkpoints"}
    assert start(elsewhere)[0] == 4 and (tmp_path / "second" / "checkpoints" / "videokr_training.json").is_file()


def test_verl_finds_what_we_say_that_it_goes_on_from(start, tmp_path):
    from verl.utils.checkpoint.checkpoint_manager import find_latest_ckpt_path

    folder = tmp_path / "out" / "checkpoints"
    start()
    train(tmp_path / "out", 1, 4, saved=4)
    step, said = start()
    assert find_latest_ckpt_path(str(folder)) == str(folder / f"global_step_{step}") and re.search("step 4 of", said)


def test_verl_adds_to_the_file_of_metrics_instead_of_emptying_it(tmp_path, monkeypatch):
    import verl  # noqa: F401  (and with it the plugin)
    from verl.utils.tracking import Tracking

    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", str(tmp_path / "metrics.jsonl"))
    for step in (1, 2):
        tracking = Tracking("project", "experiment", ["file"])
        tracking.log({"loss": 0.5}, step)
        tracking.finish()
    assert logged(tmp_path / "metrics.jsonl") == [1, 2]


def test_canary_verl_empties_the_file_of_metrics(tmp_path, monkeypatch):
    """When this fails, verl adds to it by itself and AppendingFileLogger can go. No upstream issue was found."""
    from verl_plugin.registration import AppendingFileLogger

    (stock,) = AppendingFileLogger.__bases__
    (tmp_path / "metrics.jsonl").write_text("before\n")
    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", str(tmp_path / "metrics.jsonl"))
    stock("project", "experiment").finish()
    assert (tmp_path / "metrics.jsonl").read_text() == ""
