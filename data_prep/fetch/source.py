"""Where a data set comes from: the hub, or a folder on this machine with the same layout."""

import filecmp
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tqdm import tqdm

from videokr.errors import UserError
from videokr.outputs import atomic_write

READ_BYTES = 1 << 20
INFO_TIMEOUT_SECONDS = 30
DOWNLOADS = ".videokr-fetch.download"  # beside a file that is downloaded
GOES_ON = "running it again brings what is missing"


class FileError(UserError):
    """A file of the data set is not as it should be; others may still be fetched."""


class SourceFile(NamedTuple):
    """A file of the data set."""

    path: str  # in the data set, with slashes
    size_bytes: int
    # Changes with the bytes: `sha256:...`, `sha1:...` (git's, of a small file), or `mtime:...` in ns (of a file in a
    # local folder, which states no checksum).
    identity: str


class Hub:
    """A data set on the hub, whose files are downloaded by huggingface_hub, which reads HF_ENDPOINT and HF_TOKEN.

    Args:
        repo_id: of the data set, `owner/name`.
        revision: branch, tag or commit; None: the main branch.

    Attributes:
        name: for the reader; with the commit, once files are listed.
        checks: what is held against what the source states.
    """

    checks = "sha256 of what was downloaded, as the hub states it"

    def __init__(self, repo_id: str, revision: str | None = None):
        self.name = f"'{repo_id}'"
        self._repo_id, self._revision = repo_id, revision

    def files(self) -> list[SourceFile]:
        """All files of the revision, which from now on means this commit.

        Raises:
            UserError: not there, not for this user, or the hub cannot be reached.
        """
        from huggingface_hub import HfApi, RepoFile

        with self._errors():
            api = HfApi()
            info = api.dataset_info(self._repo_id, revision=self._revision, timeout=INFO_TIMEOUT_SECONDS)
            tree = api.list_repo_tree(self._repo_id, revision=info.sha, repo_type="dataset", recursive=True)
            files = [
                SourceFile(
                    entry.path, entry.size, f"sha256:{entry.lfs.sha256}" if entry.lfs else f"sha1:{entry.blob_id}"
                )
                for entry in tree
                if isinstance(entry, RepoFile)
            ]
        self._revision = str(info.sha)
        self.name = f"'{self._repo_id}' at {self._revision[:7]}"
        return files

    def in_place(self, file: SourceFile) -> Path | None:
        """Where a file can be read without being brought: nowhere."""
        return None

    def is_same(self, file: SourceFile, path: Path) -> bool:
        """Whether the file at `path` has the bytes that the hub states."""
        kind, _, stated = file.identity.partition(":")
        digest = hashlib.new(kind, usedforsecurity=False)
        if kind == "sha1":
            digest.update(b"blob %d\0" % file.size_bytes)  # as git does
        title = f"verifying {path.name}"
        with path.open("rb") as whole, tqdm.wrapattr(whole, "read", file.size_bytes, desc=title, disable=None) as there:
            while chunk := there.read(READ_BYTES):
                digest.update(chunk)
        return digest.hexdigest() == stated

    def bring(self, file: SourceFile, path: Path) -> None:
        """Downloads a file, verifies it, and gives it its name.

        Raises:
            FileError: the bytes are not those that the hub states.
            UserError: the hub cannot be reached.
        """
        from huggingface_hub import hf_hub_download

        # On the disk of the file, and without what a run that was killed left: huggingface_hub begins a file anew.
        aside = path.with_name(DOWNLOADS)
        shutil.rmtree(aside, ignore_errors=True)
        try:
            with self._errors():
                came = hf_hub_download(
                    self._repo_id, file.path, repo_type="dataset", revision=self._revision, local_dir=aside
                )
            if not self.is_same(file, Path(came)):
                raise FileError(
                    f"'{file.path}' has other bytes than the hub states ({file.identity}, {file.size_bytes:,} bytes); "
                    "what came is deleted, running it again fetches it anew"
                )
            Path(came).replace(path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Makes one line of a fault of the hub or of the way to it; it shows no header, address or server's answer."""
        from huggingface_hub import constants, errors

        address, repo = urlsplit(constants.ENDPOINT), f"data set '{self._repo_id}'"
        if address.scheme not in ("http", "https") or "@" in address.netloc:
            raise UserError("HF_ENDPOINT is no address, or holds a password, which messages would show: use HF_TOKEN")
        try:
            yield
        except errors.GatedRepoError:
            raise UserError(f"{repo} is gated: accept its conditions on the hub, and set HF_TOKEN to yours") from None
        except errors.RepositoryNotFoundError:
            raise UserError(f"{repo} is not on the hub, or not for you: look at the name, or set HF_TOKEN") from None
        except errors.RevisionNotFoundError:
            raise UserError(f"{repo} has no revision '{self._revision}'") from None
        except errors.HfHubHTTPError as error:
            status = error.response.status_code
            way_out = "look at HF_TOKEN" if status in (401, 403) else GOES_ON
            raise UserError(f"{repo}: the hub answers with status {status}; {way_out}") from None
        except errors.OfflineModeIsEnabled:
            raise UserError("HF_HUB_OFFLINE is set: unset it, or give a folder with --from") from None
        except errors.HFValidationError:
            raise UserError(f"'{self._repo_id}' is no name of a data set: give OWNER/NAME or a folder") from None
        except UnicodeError:
            raise UserError("HF_TOKEN holds characters that no token has") from None
        except (ValueError, TypeError, KeyError):
            raise UserError(f"{repo}: what answers is no hub: look at HF_ENDPOINT") from None
        except (errors.HTTPError, errors.LocalEntryNotFoundError) as error:  # type: ignore[attr-defined]  # httpx's own
            raise UserError(f"the hub cannot be reached ({type(error).__name__}); {GOES_ON}") from None
        except RuntimeError:  # of hf_xet, by which huggingface_hub downloads what the hub keeps in pieces
            raise UserError(f"{repo}: a download broke off; {GOES_ON}") from None
        except OSError as error:
            if error.errno is not None:  # this machine's
                raise
            raise UserError(f"{repo}: the hub sends files of other sizes than it lists; {GOES_ON}") from None


class Folder:
    """A folder on this machine, whose archives are read where they are, and whose annotation files are copied.

    Attributes:
        name: for the reader.
        checks: what is held against what the source states.
    """

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
