"""A judge's endpoint on the loopback, for tests."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-secret-of-the-test"

Reply = str | int | tuple[int, dict] | tuple[int, dict, dict] | float | dict | bytes


class Endpoint(ThreadingHTTPServer):
    """Answers chat completions with `replies` in turn (the last one again and again); counts the requests.

    A reply is the content of the message, an int is an HTTP status, a tuple one with its error and perhaps headers, a
    float is a delay in seconds before "1", a dict is the whole body, bytes are one that may be no JSON, and a function
    makes one of these of the request's body.
    """

    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply | Callable[[dict], Reply]] = ["1"]
        self.requests: list[dict] = []
        self.lock = threading.Lock()
        self.at_once = self.most_at_once = 0


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.requests.append(body | {"path": self.path, "headers": dict(self.headers)})
            reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        if callable(reply):
            reply = reply(body)
        if isinstance(reply, float):
            time.sleep(reply)
            reply = "1"
        with server.lock:
            server.at_once -= 1
        if isinstance(reply, int):
            reply = reply, {"message": f"refused, your key is {KEY}"}
        status, answer = (
            (reply[0], {"error": reply[1]})
            if isinstance(reply, tuple)
            else (200, completion(reply) if isinstance(reply, str) else reply)
        )
        payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in reply[2].items() if isinstance(reply, tuple) and len(reply) > 2 else ():
            self.send_header(name, value)
        try:
            self.end_headers()
            self.wfile.write(payload)
        except ConnectionError:
            return  # the client's time limit, or its end

    def log_message(self, format: str, *args: object) -> None:
        return


def completion(content: str | None) -> dict:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


@contextmanager
def serve() -> Iterator[Endpoint]:
    server = Endpoint()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def environment(endpoint: Endpoint, **more: str) -> dict[str, str]:
    """The variables that make it the judge."""
    base = f"http://127.0.0.1:{endpoint.server_address[1]}/v1"
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": base} | more
