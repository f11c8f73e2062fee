"""A CRM's web server: it keeps what it is told and answers as a test wants."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """Answers with `plan(event) -> (status, headers)`; None as status hangs for `hang` seconds or until `released`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.got, self.requests, self.plan, self.hang = [], [], lambda event: (204, {}), 1.0
        self.lock, self.released = threading.Lock(), threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook"

    def ids(self):
        return [event["event_id"] for event in list(self.got)]

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = json.loads(body)
        with self.server.lock:
            self.server.requests.append((self.path, dict(self.headers), body))
            status, headers = self.server.plan(event)
        if status is None:
            self.server.released.wait(self.server.hang)
            return
        if status < 300:
            self.server.got.append(event)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self):
        self.server.requests.append((self.path, {}, b"GET"))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass
