"""Chromium without a window, and the site of somebody else that it opens."""

import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-popup-blocking",
)
PAGE = Path(__file__).with_name("hostile.html")


def chromium() -> str:
    """The program; without one the test is skipped. `.ci/run` installs it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine (Debian's package chromium): no real page has been tried")
    return found


@contextmanager
def opened(url: str) -> Iterator[None]:
    """A browser, new and empty, on this page."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        command = [chromium(), *FLAGS, f"--user-data-dir={folder}", url]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


@dataclass
class Recorder:
    """A server that takes everything and keeps what came: method, address, content type, body."""

    port: int
    came: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def has(self, path: str) -> bool:
        return any(address.partition("?")[0] == path for _, address, _, _ in self.came)


@contextmanager
def recorder(files: Mapping[str, tuple[str, bytes]]) -> Iterator[Recorder]:
    """Serve these files, by their path; say yes to everything else."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode(errors="replace")
            made.came.append((self.command, self.path, self.headers.get("content-type") or "", body))
            kind, content = files.get(self.path.partition("?")[0], ("text/plain", b""))
            self.send_response(200)
            for name in ("origin", "methods", "headers"):
                self.send_header(f"access-control-allow-{name}", "*" if name != "headers" else "*, authorization")
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Recorder(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


def hostile(targets: Mapping[str, Any]) -> dict[str, tuple[str, bytes]]:
    """The files of a site whose page tries every way on these targets."""
    return {
        "/": ("text/html", PAGE.read_bytes()),
        "/targets.json": ("application/json", json.dumps(targets).encode()),
    }
