"""A folder on this machine with the layout of the data set."""

import filecmp
import os
import shutil
from pathlib import Path

from tqdm import tqdm

from data_prep.fetch.contents import SourceFile
from videokr.errors import UserError
from videokr.outputs import written_aside


class Mirror:
    """Archives are read where they are; annotation files are copied.

    Attributes:
        name: for the reader.
        checks: what is held against what the source states.
    """

    checks = "sizes (a folder states no checksums)"

    def __init__(self, folder: Path, target: Path):
        self.name = f"'{folder}'"
        self._folder, self._target = folder, target.resolve()

    def files(self) -> list[SourceFile]:
        """Everything below the folder, hidden folders and files less; links are followed."""
        found = []
        seen = {self._target} - {self._folder.resolve()}  # what is fetched is no source of it
        for place, folders, names in os.walk(self._folder, followlinks=True):
            here = Path(place)
            folders[:] = [name for name in folders if not name.startswith(".")]
            if (real := here.resolve()) in seen:  # a link that leads back, too
                folders.clear()
                continue
            seen.add(real)
            for name in names:
                path = here / name
                if not name.startswith(".") and path.is_file():
                    status = path.stat()
                    relative = path.relative_to(self._folder).as_posix()
                    found.append(SourceFile(relative, status.st_size, f"mtime:{status.st_mtime_ns}"))
        return found

    def in_place(self, file: SourceFile) -> Path:
        return self._folder / file.path

    def is_same(self, file: SourceFile, path: Path) -> bool:
        """Whether the file at `path` has the bytes of the mirror's."""
        own = self.in_place(file)
        return own.samefile(path) or filecmp.cmp(own, path, shallow=False)

    def missing_bytes(self, file: SourceFile, path: Path) -> int:
        return file.size_bytes

    def bring(self, file: SourceFile, path: Path) -> int:
        """Copies a file; returns its bytes.

        Raises:
            UserError: it is changing.
        """
        own = self.in_place(file)
        bar = tqdm(total=file.size_bytes, desc=f"copying {path.name}", unit="B", unit_scale=True, disable=None)
        with bar, written_aside(path) as aside:
            with own.open("rb") as source, aside.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            copied = aside.stat().st_size
            if copied != file.size_bytes:
                raise UserError(f"'{own}' is changing: {copied:,} bytes instead of {file.size_bytes:,}; run it again")
            bar.update(copied)
        return copied
