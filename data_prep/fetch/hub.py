"""A data set on the hub; entered through huggingface_hub, which reads HF_ENDPOINT and HF_TOKEN.

Its `hf_hub_download` begins a file anew when its process was killed (huggingface_hub issue 4196, since PR 4306), which
is not good enough for archives of many GB. Its `http_get` goes on where it is told to.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from data_prep.fetch.contents import FileError, SourceFile
from videokr.errors import UserError

MAX_REQUEST_BYTES = 10 * 10**9  # asked for at once; a hub's server gives no more than 50 GB
WAITS_SECONDS = (1, 4, 16)  # before a file is asked for again where the hub is not well
READ_BYTES = 1 << 20
INFO_TIMEOUT_SECONDS = 30
GOES_ON = "running it again goes on where it was"


class Hub:
    """A source that is downloaded.

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
        """Downloads a file, from the byte that an earlier run got to, verifies it, and gives it its name.

        Raises:
            FileError: the bytes are not those that the hub states.
            UserError: the hub cannot be reached.
        """
        from huggingface_hub import hf_hub_url
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        partial, waits = partial_of(path), list(WAITS_SECONDS)
        with self._errors(), partial.open("ab") as target:
            url = hf_hub_url(self._repo_id, file.path, repo_type="dataset", revision=self._revision)
            while (at := target.tell()) < file.size_bytes:
                end = min(at + MAX_REQUEST_BYTES, file.size_bytes)
                headers = {**build_hf_headers(), "Accept-Encoding": "identity", "Range": f"bytes=0-{end - 1}"}
                try:
                    http_get(
                        url, target, resume_size=at, headers=headers, expected_size=end, displayed_filename=path.name
                    )
                except HfHubHTTPError as error:  # it tries again by itself where a connection breaks
                    if error.response.status_code < 500 or not waits:
                        raise
                    time.sleep(waits.pop(0))
        if not self.is_same(file, partial):
            partial.unlink()
            raise FileError(
                f"'{file.path}' has other bytes than the hub states ({file.identity}, {file.size_bytes:,} bytes); "
                "what came is deleted, running it again fetches it anew"
            )
        partial.replace(path)

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
        except errors.HTTPError as error:  # type: ignore[attr-defined]  # that of httpx, or of httpx2
            raise UserError(f"the hub cannot be reached ({type(error).__name__}); {GOES_ON}") from None
        except OSError as error:
            if error.errno is not None:  # this machine's
                raise
            raise UserError(f"{repo}: the hub sends files of other sizes than it lists; {GOES_ON}") from None


def partial_of(path: Path) -> Path:
    """Where a file is before it is whole."""
    return path.with_name(f".{path.name}.partial")
