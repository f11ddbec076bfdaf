import pytest

pytest.importorskip("verl")

from judge_endpoint import KEY
from omegaconf import OmegaConf

from verl_plugin.reward_settings import JUDGED, PLAIN, check_reward
from videokr.errors import UserError

pytestmark = pytest.mark.rl


def function(path, **settings):
    return OmegaConf.create({"path": path, "name": "compute_score", "reward_kwargs": settings})


@pytest.mark.parametrize(
    ("path", "settings", "fault"),
    [
        (PLAIN, {"accuracy": "strict"}, "paper or typed"),
        (PLAIN, {"acuracy": "typed"}, "acuracy is unknown"),
        (PLAIN, {"tolerance": 1.5}, "tolerance=1.5"),
        (PLAIN, {"tolerance": "a lot"}, "tolerance=a lot"),
        (PLAIN, {"judge_seconds": 3}, "judge_seconds is unknown"),
        (JUDGED, {"judge_concurrency": 0}, "judge_concurrency"),
        (JUDGED, {"judge_seconds": "soon"}, "judge_seconds"),
        (JUDGED, {"judge_cache": 3}, "judge_cache"),
        (JUDGED, {"accuracy": "paper"}, "asks no judge"),
        (JUDGED, {"accuracy": "typed"}, "there is none: set OPENAI_API_KEY"),
    ],
)
def test_a_mistaken_setting_is_named(path, settings, fault):
    with pytest.raises(UserError, match=fault):
        check_reward(function(path, **settings), {})


@pytest.mark.parametrize(
    "given",
    [function(PLAIN), function(PLAIN, accuracy="typed", tolerance=0.05), function(None), function("mine.py", x=1)],
)
def test_what_is_right_or_anothers_passes(given):
    check_reward(given, {})


def test_the_judge_is_asked_before_the_run(endpoint):
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"http://127.0.0.1:{endpoint.server_address[1]}/v1"}
    check_reward(function(JUDGED, accuracy="typed"), environment)
    assert len(endpoint.requests) == 1
    endpoint.replies = [401]
    with pytest.raises(UserError, match="cannot be used") as fault:
        check_reward(function(JUDGED), environment)
    assert KEY not in str(fault.value)


def test_the_shipped_settings_are_the_rewards_own_defaults():
    import inspect
    from pathlib import Path

    import yaml

    from verl_plugin import reward

    config = Path(reward.__file__).parent / "config" / "videokr_grpo.yaml"
    shipped = yaml.safe_load(config.read_text())["reward"]["custom_reward_function"]["reward_kwargs"]
    defaults = inspect.signature(reward.compute_score).parameters
    assert shipped == {name: defaults[name].default for name in ("accuracy", "tolerance")}
