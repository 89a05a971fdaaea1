"""A small hub on this machine: repositories are folders, asked for with the hub's own client over its own protocol."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._serve()

    def do_GET(self):
        self._serve()

    def do_POST(self):
        body = self._body().decode()
        if self._write(body):
            return
        asked = json.loads(body).get("paths", []) if body.startswith("{") else parse_qs(body).get("paths", [])
        self._serve(asked)

    def _body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _write(self, body):
        """A new repository, what may be uploaded, and a commit: as far as small files need them."""
        path = urlsplit(self.path).path
        self.server.sent.append((path, self.headers.get("Authorization")))
        parts = [unquote(part) for part in path.strip("/").split("/")]
        key = ("datasets" if parts[1:2] == ["datasets"] else "models", "/".join(parts[2:4]))
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            key = (f"{asked.get('type', 'model')}s", name)
            if key in self.server.repositories:
                self._answer(
                    409,
                    json.dumps({"error": "exists", "url": f"http://{self.headers['Host']}/{key[0]}/{name}"}).encode(),
                    {},
                )
                return True
            folder = self.server.uploads / key[0] / name
            folder.mkdir(parents=True)
            self.server.repositories[key] = folder
            self.server.private[name] = asked.get("private", False) or asked.get("visibility") == "private"
            self._json({"url": f"http://{self.headers['Host']}/{key[0]}/{name}", "name": name})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif parts[4:5] == ["preupload"]:
            files = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                     for one in json.loads(body)["files"]]  # fmt: skip
            self._json({"files": files})
        elif parts[4:5] == ["commit"]:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    place = self.server.repositories[key] / line["value"]["path"]
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(base64.b64decode(line["value"]["content"]))
            self._json({"success": True, "commitOid": "0" * 40,
                        "commitUrl": f"http://{self.headers['Host']}/{'/'.join(parts[1:4])}/commit/main"})  # fmt: skip
        else:
            return False
        return True

    def _serve(self, asked=()):
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        self.server.asked.append(self.path)
        api = parts[:1] == ["api"]
        kind = "datasets" if (parts[1:2] if api else parts[:1]) == ["datasets"] else "models"
        parts = parts[2:] if api else parts[1:] if kind == "datasets" else parts
        repository = self.server.repositories.get((kind, "/".join(parts[:2])))
        if isinstance(repository, dict) and parts[2:3] in (["resolve"], ["revision"], ["tree"], ["paths-info"]):
            known = repository | {commit(folder): folder for folder in repository.values()}
            repository = known.get(parts[3], False)
        elif isinstance(repository, dict):
            repository = repository["main"]
        if repository is None:
            self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif repository is False:
            self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif not api:
            self._file(repository, "/".join(parts[4:]))
        elif parts[2:3] == ["tree"]:
            under = "/".join(parts[4:])
            self._json([entry for entry in entries(repository) if entry["path"].startswith(under)])
        elif parts[2:3] == ["paths-info"]:
            self._json([entry for entry in entries(repository) if entry["path"] in asked])
        else:
            names = [{"rfilename": entry["path"]} for entry in entries(repository)]
            private = self.server.private.get("/".join(parts[:2]), False)
            self._json({"id": "/".join(parts[:2]), "sha": commit(repository), "siblings": names, "tags": [],
                        "private": private, "gated": False, "disabled": False, "downloads": 0, "likes": 0})  # fmt: skip

    def _json(self, value):
        self._answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _file(self, repository, name):
        path = repository / name
        if not path.is_file():
            self._answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        body = path.read_bytes()
        about = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": commit(repository)}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._answer(200, body, about)
            return
        start, end = int(asked[1]), min(int(asked[2] or len(body)), len(body) - 1)
        part = body[start : end + 1]
        self._answer(206, part, {**about, "Content-Range": f"bytes {start}-{end}/{len(body)}"})

    def _answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def entries(repository):
    files = sorted(path for path in repository.rglob("*") if path.is_file())
    return [
        {"type": "file", "path": path.relative_to(repository).as_posix(), "size": path.stat().st_size,
         "oid": hashlib.sha1(path.read_bytes()).hexdigest()}
        for path in files
    ]  # fmt: skip


def commit(repository):
    return hashlib.sha1(json.dumps(entries(repository)).encode()).hexdigest()


@contextlib.contextmanager
def local_hub(cache, repositories):
    """Serves `{(kind, "owner/name"): folder}`; gives the environment that leads the client there, and itself.

    A dictionary of revision -> folder instead of a folder has no other revisions than these and their commits.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.repositories, server.asked = dict(repositories), []
    server.sent, server.private, server.uploads = [], {}, cache / "uploads"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    environment |= {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(cache),
        "HF_HUB_OFFLINE": "0",
    }
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
    try:
        yield environment, server
    finally:
        server.shutdown()
        server.server_close()
