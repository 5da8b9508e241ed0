"""The service of a set: imports exactly what the set names, then answers 200 on its port."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

APP = """\
{imports}

import http.server
import os


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok\\n")

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def write_service(folder: Path, imports: Sequence[str]) -> None:
    """`app.py` and an empty `requirements.txt`, in place of what was there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(APP.format(imports="\n".join(f"import {name}" for name in imports)), "utf-8")
    (folder / "requirements.txt").write_text("", "utf-8")
