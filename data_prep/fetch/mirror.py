"""A folder on this machine with the layout of the data set."""

import filecmp
import os
import shutil
from pathlib import Path

from data_prep.fetch.contents import SourceFile
from videokr.outputs import atomic_write


class Mirror:
    """A source, see `Hub`, whose archives are read where they are, and whose annotation files are copied."""

    checks = "sizes (a folder states no checksums)"

    def __init__(self, folder: Path, target: Path):
        self.name = f"'{folder}'"
        self._folder, self._target = folder, target.resolve()

    def files(self) -> list[SourceFile]:
        """Everything below the folder; links are followed, as those of huggingface_hub's cache."""
        found = []
        seen = {self._target} - {self._folder.resolve()}  # what is fetched is no source of it
        for place, folders, names in os.walk(self._folder, followlinks=True):
            here = Path(place)
            if here.resolve() in seen:  # a link that leads back, too
                folders.clear()
                continue
            seen.add(here.resolve())
            for path in [here / name for name in names if (here / name).is_file()]:
                status = path.stat()
                relative = path.relative_to(self._folder).as_posix()
                found.append(SourceFile(relative, status.st_size, f"mtime:{status.st_mtime_ns}"))
        return found

    def in_place(self, file: SourceFile) -> Path | None:
        """Where a file can be read without being brought."""
        return self._folder / file.path

    def is_same(self, file: SourceFile, path: Path) -> bool:
        """Whether the file at `path` has the bytes of the folder's."""
        return filecmp.cmp(self._folder / file.path, path, shallow=False)

    def bring(self, file: SourceFile, path: Path) -> None:
        """Copies a file."""
        with atomic_write(path) as aside:
            shutil.copyfile(self._folder / file.path, aside)
