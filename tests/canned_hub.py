"""A small Hugging Face hub on this machine: enough for the library `datasets`."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "a" * 40


@contextmanager
def canned_hub(repositories):
    """Serve folders as data sets, ``{"owner/name": folder}``; yield the hub's address."""

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *given):
            pass

        def answer(self, status, body=b"", **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self):
            path = self.path.partition("?")[0]
            match = re.fullmatch(r"(/api)?/datasets/([^/]+/[^/]+)(/(\w+)/\w+)?(?:/(.+))?", path)
            if match is None or match[2] not in repositories:
                return self.answer(404, b"{}", X_Error_Code="RepoNotFound")
            folder, what, inside = repositories[match[2]], match[4], match[5]
            if what == "resolve":
                file = folder / inside
                if not file.is_file():
                    return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
                etag = f'"{digest(file)}"'
                return self.answer(200, file.read_bytes(), ETag=etag, X_Repo_Commit=COMMIT)
            if what == "tree":
                return self.tree(folder, inside)
            return self.json({"id": match[2], "sha": COMMIT, "siblings": []})

        def do_HEAD(self):
            self.do_GET()

        def tree(self, folder, inside):
            place = folder / (inside or "")
            if not place.is_dir():
                return self.answer(404, b"{}", X_Error_Code="EntryNotFound")
            every = "recursive=true" in self.path.lower()
            found = place.rglob("*") if every else place.iterdir()
            return self.json([entry(path, folder) for path in sorted(found)])

        def json(self, value):
            self.answer(200, json.dumps(value).encode(), Content_Type="application/json")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def digest(file):
    return hashlib.sha1(file.read_bytes()).hexdigest()


def entry(path, folder):
    """Describe a file or folder as the hub does."""
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return {"type": "directory", "oid": "b" * 40, "size": 0, "path": name}
    return {"type": "file", "oid": digest(path), "size": path.stat().st_size, "path": name}
