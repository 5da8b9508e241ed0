"""An agent that does what a script says, each time the next line of acts: `python fake_agent.py SCRIPT TASK`.

The script is a JSON list; one run takes its first entry (the last one stays), a list of acts such as
`["write", "app.py", "text"]`, and keeps TASK.md beside the script as `task-<n>.md`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path


def act(kind: str, path: str = "", text: str = "") -> None:
    target = Path(path)
    if kind in ("write", "link", "hard", "pipe"):
        target.parent.mkdir(parents=True, exist_ok=True)
    match kind:
        case "write":
            target.write_bytes(text.encode("utf-8", "surrogateescape"))
        case "replace":
            old, new = text.split("=>")
            target.write_text(target.read_text().replace(old, new))
        case "link":
            target.unlink(missing_ok=True)
            target.symlink_to(text)
        case "hard":
            target.unlink(missing_ok=True)
            os.link(text, target)
        case "pipe":
            os.mkfifo(target)
        case "delete":
            target.unlink()
        case "say":
            print(path)
        case "environment":
            print(" ".join(sorted(os.environ)))
        case _:
            run(kind, path)


def run(kind: str, path: str) -> None:
    match kind:
        case "child":
            child = subprocess.Popen(["sleep", "600"], start_new_session=True)
            Path(path).write_text(str(child.pid))
        case "hang":
            signal.pause()
        case "exit":
            sys.exit(int(path))


def main() -> None:
    script, task = Path(sys.argv[1]), sys.argv[2]
    runs = json.loads(script.read_text())
    script.write_text(json.dumps(runs[1:] or runs))
    number = len(list(script.parent.glob("task-*.md")))
    shutil.copy(task, script.parent / f"task-{number}.md")
    for one in runs[0]:
        act(*one)


if __name__ == "__main__":
    main()
