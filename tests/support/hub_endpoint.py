"""A small hub on the loopback, for tests: one data set, with as much of the API as huggingface_hub asks for."""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_secretOfTheTest"
REPO = "minuzero/VideoKR-Train"
LFS_BYTES = 1000  # files from this size on are in LFS, with a sha256; below it they are blobs of git
PAGE = 3  # entries of a listing that come at once
CHUNK = 1 << 14


class HubEndpoint(ThreadingHTTPServer):
    """Serves the files below `folder` as a data set; large ones from another host, as the hub does.

    Attributes:
        faults: what happens to the next requests for bytes, in turn; then all is well. ("cut", n) ends the connection
            after n bytes, ("status", code) answers with it, ("wrong", n) changes byte n, ("slow", bytes a second),
            ("no ranges",) gives the whole file.
        commit: named in the listing; another one when files change.
        gated: whether files need TOKEN.
        status: with which everything is answered; None: as it should be.
        sent: bytes of each file that went out.
        requests: method, path and headers of all requests.
    """

    request_queue_size = 64

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.faults: list[tuple] = []
        self.commit = "c" * 40
        self.gated: bool = False
        self.status: int | None = None
        self.sent: Counter[str] = Counter()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.elsewhere = f"http://localhost:{self.server_port}"  # another host to a client

    def handle_error(self, request: object, client_address: object) -> None:
        return  # a client that was killed

    def entries(self) -> list[dict]:
        files = []
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            data = path.read_bytes()
            entry = {"type": "file", "path": path.relative_to(self.folder).as_posix(), "size": len(data)}
            entry["oid"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            if len(data) >= LFS_BYTES:
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            files.append(entry)
        return [{"type": "directory", "path": "Videos", "oid": "d" * 40, "size": 0}, *files]


class Handler(BaseHTTPRequestHandler):
    server: HubEndpoint
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        place = unquote(url.path).removeprefix("/")
        if self.server.status is not None:
            return self.refuse(self.server.status, "")
        if place.startswith("blobs/"):
            return self.send_file(self.server.folder / place.removeprefix("blobs/"))
        repo = place.removeprefix("api/").removeprefix("datasets/")
        if not repo.startswith(REPO):
            return self.refuse(404, "RepoNotFound")
        if self.server.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.refuse(401 if "Authorization" not in self.headers else 403, "GatedRepo")
        kind, _, rest = repo.removeprefix(REPO).removeprefix("/").partition("/")
        revision, _, path = rest.partition("/")
        if kind and revision not in ("main", self.server.commit, ""):
            return self.refuse(404, "RevisionNotFound")
        if not place.startswith("api/"):
            return self.send_resolved(path)
        if kind == "tree":
            return self.send_tree(int(parse_qs(url.query).get("from", ["0"])[0]), revision)
        return self.send_json({"id": REPO, "sha": self.server.commit, "siblings": []})

    def send_tree(self, first: int, revision: str) -> None:
        entries = self.server.entries()
        address = f"{self.server.address}/api/datasets/{REPO}/tree/{revision}?recursive=True&from={first + PAGE}"
        link = {"Link": f'<{address}>; rel="next"'} if first + PAGE < len(entries) else {}
        self.send_json(entries[first : first + PAGE], link)

    def send_json(self, value: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        for name, text in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status: int, code: str) -> None:
        data = f"your token is {self.headers.get('Authorization')}".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", data.decode())
        self.send_header("Retry-After", "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_resolved(self, path: str) -> None:
        entry = next((entry for entry in self.server.entries() if entry["path"] == path), None)
        if entry is None:
            return self.refuse(404, "EntryNotFound")
        headers = {"X-Repo-Commit": self.server.commit, "ETag": f'"{entry["oid"]}"'}
        if "lfs" not in entry:
            return self.send_file(self.server.folder / path, headers)
        headers |= {"X-Linked-ETag": f'"{entry["lfs"]["oid"]}"', "X-Linked-Size": str(entry["size"])}
        self.send_response(302)
        for name, text in {
            **headers,
            "Location": f"{self.server.elsewhere}/blobs/{path}",
            "Content-Length": "0",
        }.items():
            self.send_header(name, text)
        self.end_headers()

    def send_file(self, path: Path, headers: dict[str, str] | None = None) -> None:
        data = path.read_bytes()
        fault = self.server.faults.pop(0) if self.server.faults and self.command == "GET" else ("none",)
        if fault[0] == "status":
            return self.refuse(fault[1], "")
        if fault[0] == "wrong":
            data = data[: fault[1]] + bytes([data[fault[1]] ^ 1]) + data[fault[1] + 1 :]
        asked = self.headers.get("Range")
        first, last = 0, len(data) - 1
        if asked and fault[0] != "no ranges":
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or last), last)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        else:
            self.send_response(200)
        for name, text in {"Content-Length": str(last + 1 - first), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command == "HEAD":
            return
        end = min(last + 1, first + fault[1]) if fault[0] == "cut" else last + 1
        for at in range(first, end, CHUNK):
            piece = data[at : min(at + CHUNK, end)]
            if fault[0] == "slow":
                time.sleep(len(piece) / fault[1])
            try:
                self.wfile.write(piece)
            except ConnectionError:
                break
            self.server.sent[path.relative_to(self.server.folder).as_posix()] += len(piece)
        if fault[0] == "cut":
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def serve_hub(folder: Path) -> Iterator[HubEndpoint]:
    server = HubEndpoint(folder)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
