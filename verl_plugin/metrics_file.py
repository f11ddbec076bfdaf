"""verl's file of metrics (`trainer.logger=[file]`), to which a run that goes on adds its steps.

Stock verl empties the file when a run starts (verl/utils/tracking.py, `FileLogger`; no upstream issue found).
"""

import os
from pathlib import Path

from verl.utils import tracking

METRICS_PATH = "VERL_FILE_LOGGER_PATH"  # verl's


class AppendingFileLogger(tracking.FileLogger):
    """Where the launcher, or the user, says which file; verl makes up a name otherwise."""

    def __init__(self, project_name: str, experiment_name: str):
        if not os.environ.get(METRICS_PATH):
            super().__init__(project_name, experiment_name)
            return
        self.filepath = Path(os.environ[METRICS_PATH])
        self.filepath.parent.mkdir(parents=True, exist_ok=True)
        self.fp = self.filepath.open("ab", buffering=0)


def install() -> None:
    tracking.FileLogger = AppendingFileLogger
