"""A run whose rollouts the trainer does not see as vLLM did: what of verl's metrics ends it."""

import json

import pytest

pytest.importorskip("verl")
from grpo import composed

from videokr.errors import UserError

pytestmark = pytest.mark.rl


def metrics_of(shift, tokens=10):
    """verl's own, of rollouts whose tokens vLLM gave 0.5, and the trainer less."""
    import torch
    from verl import DataProto
    from verl.utils.debug.metrics import calculate_debug_metrics

    rollout = torch.full((2, 16), 0.5)
    mask = (torch.arange(16) < tokens).expand(2, -1).long()
    trainer = torch.where(mask.bool(), rollout - shift, 0.9)  # what is behind the response does not count
    batch = {"rollout_log_probs": rollout.log(), "old_log_probs": trainer.log()}
    return calculate_debug_metrics(DataProto.from_dict(batch | {"response_mask": mask, "responses": mask}))


@pytest.fixture
def log(tmp_path, monkeypatch):
    import verl  # noqa: F401  (and with it the plugin)
    from omegaconf import OmegaConf
    from verl.utils.tracking import Tracking

    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", str(tmp_path / "metrics.jsonl"))

    def log(metrics, *overrides, config=None):
        config = config or OmegaConf.to_container(composed(overrides=overrides), resolve=False)
        tracking = Tracking("project", "experiment", ["file"], config=config)
        tracking.log(metrics, 3)
        tracking.finish()

    return log


def test_a_step_that_differs_too_much_ends_the_run_once_it_is_logged(log, tmp_path):
    log(metrics_of(shift=0.049))
    with pytest.raises(UserError) as raised:
        log(metrics_of(shift=0.051))
    told = str(raised.value)
    assert "step 3" in told and "0.051" in told and "trainer.v1.max_rollout_probs_diff=0.05" in told
    assert "\n" not in told and "videokr parity" in told and "load_format" in told
    steps = [json.loads(line)["data"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [step["training/rollout_probs_diff_mean"] for step in steps] == pytest.approx([0.049, 0.051])


def test_the_bound_is_the_run_s_own(log):
    log(metrics_of(shift=0.3), "trainer.v1.max_rollout_probs_diff=1")
    with pytest.raises(UserError):
        log(metrics_of(shift=0.002), "trainer.v1.max_rollout_probs_diff=0.001")


def test_probabilities_that_are_no_numbers_end_the_run(log):
    with pytest.raises(UserError, match="nan"):
        log(metrics_of(shift=float("nan")))


def test_what_says_nothing_of_it_ends_no_run(log):
    log({"val-core/acc": 0.5})
    log(metrics_of(shift=0.3, tokens=0))  # no response has a token
    log(metrics_of(shift=0.3), config={"trainer": {}})  # not our configuration


def test_canary_verl_logs_the_difference_and_trains_on(tmp_path, monkeypatch):
    """When this fails, verl ends such a run by itself and BoundedTracking can go. No upstream issue was found."""
    from verl_plugin.registration import BoundedTracking

    (stock,) = BoundedTracking.__bases__
    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", str(tmp_path / "metrics.jsonl"))
    stock("project", "experiment", ["file"]).log(metrics_of(shift=0.4), 1)
