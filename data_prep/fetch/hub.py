"""A data set on the hub; entered through huggingface_hub, which reads HF_ENDPOINT and HF_TOKEN.

Its own `hf_hub_download` begins a file anew when its process was killed (huggingface_hub issue 4196, since PR 4306),
which is not good enough for archives of many GB: here a file is asked for from the byte that an earlier run got to.
"""

import glob
import hashlib
import importlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from tqdm import tqdm

from data_prep.fetch.contents import SourceFile
from videokr.errors import UserError

PIECE_BYTES = 10 * 10**9  # asked for at once; a hub's server gives no more than 50 GB
READ_BYTES = 1 << 20
WAITS_SECONDS = (1, 2, 4, 8, 8)  # between tries that bring nothing; statuses (429, 5xx) are huggingface_hub's to retry
INFO_TIMEOUT_SECONDS = 30
GOES_ON = "running it again goes on where it was"


class Hub:
    """
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
        self._commit: str | None = None

    def files(self) -> list[SourceFile]:
        """All files of the revision, which from now on means this commit.

        Raises:
            UserError: not there, not for this user, or the hub cannot be reached.
        """
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        with self._errors():
            api = HfApi()
            info = api.dataset_info(self._repo_id, revision=self._revision, timeout=INFO_TIMEOUT_SECONDS)
            tree = api.list_repo_tree(self._repo_id, revision=info.sha, repo_type="dataset", recursive=True)
            files = [_source_file(entry) for entry in tree if isinstance(entry, RepoFile)]
        self._commit = info.sha
        self.name = f"'{self._repo_id}' at {str(info.sha)[:7]}"
        return files

    def in_place(self, file: SourceFile) -> Path | None:
        return None

    def is_same(self, file: SourceFile, path: Path) -> bool:
        """Whether the file at `path` has the bytes that the hub states."""
        with path.open("rb") as there:
            return _Arrival(file, there, f"verifying {path.name}").is_whole()

    def missing_bytes(self, file: SourceFile, path: Path) -> int:
        """How many bytes of a file are yet to come."""
        partial = _partial(file, path)
        return file.size_bytes - (min(partial.stat().st_size, file.size_bytes) if partial.is_file() else 0)

    def bring(self, file: SourceFile, path: Path) -> int:
        """Downloads a file, verifies it, and gives it its name; returns how many bytes came.

        Raises:
            UserError: the hub cannot be reached, or the bytes are not those that it states.
        """
        partial = _partial(file, path)
        for older in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
            if older != partial:  # of another version of the file
                older.unlink()
        with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "r+b", buffering=0) as target:
            arrival = _Arrival(file, target, f"reading what is there of {path.name}")
            at_first = arrival.size_bytes
            title = f"downloading {path.name}"
            bar = tqdm(total=file.size_bytes, initial=at_first, desc=title, unit="B", unit_scale=True, disable=None)
            with bar, self._errors():
                self._download(file, arrival, bar)
        if not arrival.is_whole():
            partial.unlink()
            raise BadDownloadError(
                f"'{file.path}' has other bytes than the hub states ({file.identity}, {file.size_bytes:,} bytes); "
                "what came is deleted, running it again fetches it anew"
            )
        partial.replace(path)
        return file.size_bytes - at_first

    def _download(self, file: SourceFile, arrival: "_Arrival", bar: "tqdm[Any]") -> None:
        """Appends what is missing, through broken connections."""
        furthest, failures = arrival.size_bytes, 0
        while arrival.size_bytes < file.size_bytes:
            reason = "nothing came"
            try:
                self._receive(file, arrival, bar)
            except _client().TransportError as error:
                reason = type(error).__name__
                if failures == len(WAITS_SECONDS):
                    raise
            if arrival.size_bytes > furthest:
                furthest, failures = arrival.size_bytes, 0
            elif failures == len(WAITS_SECONDS):
                raise UserError(f"the hub sends no more of '{file.path}' than {furthest:,} bytes; {GOES_ON}")
            if arrival.size_bytes < file.size_bytes:
                wait = WAITS_SECONDS[failures]
                failures += 1
                tqdm.write(
                    f"{file.path}: {reason} at byte {arrival.size_bytes:,}; goes on in {wait} s", file=sys.stderr
                )
                time.sleep(wait)

    def _receive(self, file: SourceFile, arrival: "_Arrival", bar: "tqdm[Any]") -> None:
        """Asks for a piece and writes what comes of it."""
        from huggingface_hub import constants, hf_hub_url
        from huggingface_hub.utils import (  # type: ignore[attr-defined]
            build_hf_headers,
            hf_raise_for_status,
            http_stream_backoff,
        )

        at = arrival.size_bytes
        url = hf_hub_url(self._repo_id, file.path, repo_type="dataset", revision=self._commit)
        wanted = {"Range": f"bytes={at}-{min(at + PIECE_BYTES, file.size_bytes) - 1}", "Accept-Encoding": "identity"}
        with http_stream_backoff(
            "GET",
            url,
            headers=build_hf_headers() | wanted,
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
            retry_on_exceptions=(),  # which would also catch those of this block
        ) as response:
            hf_raise_for_status(response)
            if not response.headers.get("Content-Range", "").startswith(f"bytes {at}-"):  # it does not know ranges
                arrival.restart()
                bar.reset()
            for chunk in response.iter_bytes():
                arrival.add(chunk)
                bar.update(len(chunk))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Makes one line of a fault of the hub or of the way to it; it shows no header, address or server's answer."""
        from huggingface_hub import constants
        from huggingface_hub.errors import (
            EntryNotFoundError,
            GatedRepoError,
            HfHubHTTPError,
            HFValidationError,
            OfflineModeIsEnabled,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        if "@" in urlsplit(constants.ENDPOINT).netloc:
            raise UserError("HF_ENDPOINT holds a user name or password, which messages would show: use HF_TOKEN")
        client, repo = _client(), f"data set '{self._repo_id}'"
        try:
            yield
        except GatedRepoError:
            raise UserError(f"{repo} is gated: accept its conditions on the hub, and set HF_TOKEN to yours") from None
        except RepositoryNotFoundError:
            raise UserError(f"{repo} is not on the hub, or not for you: look at the name, or set HF_TOKEN") from None
        except RevisionNotFoundError:
            raise UserError(f"{repo} has no revision '{self._revision}'") from None
        except EntryNotFoundError:
            raise UserError(f"{repo}: a file that it lists is not there: try again later") from None
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status in (401, 403):
                raise UserError(f"{repo}: the hub refuses the token ({status}): look at HF_TOKEN") from None
            raise UserError(f"{repo}: the hub answers with status {status}; {GOES_ON}") from None
        except HFValidationError:
            raise UserError(f"'{self._repo_id}' is no name of a data set: give OWNER/NAME or a folder") from None
        except OfflineModeIsEnabled:
            raise UserError("HF_HUB_OFFLINE is set: unset it, or give a folder with --from") from None
        except (client.InvalidURL, client.UnsupportedProtocol):
            raise UserError("HF_ENDPOINT is no address") from None
        except UnicodeError:
            raise UserError("HF_TOKEN holds characters that no token has") from None
        except (ValueError, TypeError, KeyError):
            raise UserError(f"{repo}: what answers is no hub: look at HF_ENDPOINT") from None
        except client.HTTPError as error:
            raise UserError(f"the hub cannot be reached ({type(error).__name__}); {GOES_ON}") from None


class BadDownloadError(UserError):
    """A file came with other bytes than it should have; others may still be fetched."""


class _Arrival:
    """What is there of a file, and its checksum so far.

    Attributes:
        size_bytes: how much is there.
    """

    def __init__(self, file: SourceFile, target: IO[bytes], title: str):
        """Reads what an earlier run left, and goes on behind it."""
        self._file, self._target = file, target
        self._begin()
        there = os.fstat(target.fileno()).st_size
        with tqdm(total=there, desc=title, unit="B", unit_scale=True, disable=None if there else True) as bar:
            while chunk := target.read(READ_BYTES):
                self._digest.update(chunk)
                self.size_bytes += len(chunk)
                bar.update(len(chunk))

    def _begin(self) -> None:
        kind = self._file.identity.partition(":")[0]
        self.size_bytes = 0
        self._digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(usedforsecurity=False)
        if kind == "git":
            self._digest.update(b"blob %d\0" % self._file.size_bytes)

    def restart(self) -> None:
        self._target.seek(0)
        self._target.truncate()
        self._begin()

    def add(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._target.write(rest) :]
        self._digest.update(chunk)
        self.size_bytes += len(chunk)

    def is_whole(self) -> bool:
        stated = self._file.identity.partition(":")[2]
        return self.size_bytes == self._file.size_bytes and self._digest.hexdigest() == stated


def _source_file(entry: Any) -> SourceFile:
    if entry.lfs:
        return SourceFile(entry.path, entry.lfs.size, f"sha256:{entry.lfs.sha256}")
    return SourceFile(entry.path, entry.size, f"git:{entry.blob_id}")


def _partial(file: SourceFile, path: Path) -> Path:
    """Where a file is before it is whole; another place for another version of it."""
    return path.with_name(f".{path.name}.{file.identity.partition(':')[2][:12]}.partial")


def _client() -> Any:
    """The HTTP client of this huggingface_hub: httpx, or httpx2 from its release 2 on."""
    from huggingface_hub import get_session

    return importlib.import_module(type(get_session()).__module__)
