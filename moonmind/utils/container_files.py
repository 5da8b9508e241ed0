"""`python -m moonmind.utils.container_files CONTAINER PATH…`: what lies at some paths of a container, running or not.

Prints one JSON object a line: `{"path": …, "name": …}` for each name in a folder, and of a file or link itself its
`"text"` or `"link"`; nothing for a path that is not there. A program of its own, since `docker cp` prints a tar, which
has gigabytes for a folder of packages. All paths together get SECONDS.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator, Sequence
from typing import IO

SECONDS = 60
TEXT_LIMIT = 64 * 1024
NAMES_LIMIT = 20_000


def entries(archive: IO[bytes]) -> Iterator[dict[str, str]]:
    """Of a tar of one folder its names, of a tar of one file or link that. Raises tarfile.TarError for no tar."""
    seen: set[str] = set()
    with tarfile.open(fileobj=archive, mode="r|") as tar:
        for member in tar:
            parts = member.name.strip("/").split("/")
            entry = {"name": parts[min(1, len(parts) - 1)]}
            if entry["name"] in seen or len(seen) >= NAMES_LIMIT or (len(parts) == 1 and member.isdir()):
                continue
            seen.add(entry["name"])
            if len(parts) == 1 and member.issym():
                entry["link"] = member.linkname
            elif len(parts) == 1 and member.isfile() and (content := tar.extractfile(member)) is not None:
                entry["text"] = content.read(TEXT_LIMIT).decode("utf-8", "replace")
            yield entry


def main(container: str, paths: Sequence[str]) -> None:
    """Print what is there."""
    for path in paths:
        argv = ("docker", "cp", f"{container}:{path}", "-")
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            assert child.stdout is not None
            timer = threading.Timer(SECONDS / len(paths), child.kill)
            timer.start()
            try:
                for entry in entries(child.stdout):
                    sys.stdout.write(json.dumps({"path": path, **entry}) + "\n")
            except tarfile.TarError:
                child.kill()  # no such path, or no time left: what was read before it counts
            finally:
                timer.cancel()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
