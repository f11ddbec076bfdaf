"""How long training waits for its input: between the end of a step and the beginning of the next."""

import json
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerState

from videokr.outputs import atomic_write

REPORT_FILE = "input_wait.json"


class InputWait(TrainerCallback):
    """Writes `input_wait.json` into the output folder when training ends, and says the share of time spent waiting.

    The first step is left out: before it the loader's workers start.
    """

    def __init__(self, output_dir: Path):
        self._output_dir, self._steps = output_dir, 0
        self._begun = self._idle_since = self._waited_seconds = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        if self._idle_since:
            self._waited_seconds += time.perf_counter() - self._idle_since

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._steps += 1
        self._idle_since = time.perf_counter()
        self._begun = self._begun or self._idle_since

    def _other_work_done(self, *_: Any, **__: Any) -> None:
        if self._idle_since:
            self._idle_since = time.perf_counter()

    on_log = on_save = on_evaluate = _other_work_done

    def on_train_end(self, _: Any, state: TrainerState, *__: Any, **___: Any) -> None:
        seconds = self._idle_since - self._begun
        if not state.is_world_process_zero or self._steps < 2 or not seconds:
            return
        share = self._waited_seconds / seconds
        report = {"share": share, "waited_seconds": self._waited_seconds, "seconds": seconds, "steps": self._steps - 1}
        with atomic_write(self._output_dir / REPORT_FILE) as aside:
            aside.write_text(json.dumps(report) + "\n", encoding="utf-8")
        print(
            f"waited for input in {share:.1%} of the time ({self._waited_seconds:.1f} of {seconds:.1f} s)", flush=True
        )
