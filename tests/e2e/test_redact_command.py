"""The installed `moonmind redact`, in a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MOONMIND = str(Path(sys.executable).with_name("moonmind"))
LOG = b"one\npassword=hunter2\nit is q7-known-value\n\xff\xfe sha256:" + b"0a" * 32 + b"\nno end: token=abc123"


def redact(*arguments: str, cwd: Path, stdin: bytes = LOG) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOONMIND_")}
    command = [MOONMIND, "redact", *arguments]
    env = {**kept, "SHOP_TOKEN": "q7-known-value"}
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, timeout=60, check=False, env=env)


def test_it_masks_what_it_is_given_and_says_nothing_else(tmp_path: Path) -> None:
    done = redact(cwd=tmp_path)
    masked = LOG.replace(b"hunter2", b"[redacted:password]").replace(b"abc123", b"[redacted:token]")
    assert done.stdout == masked.replace(b"q7-known-value", b"[redacted:shop-token]")
    assert (done.returncode, done.stderr) == (0, b"")


def test_it_counts_by_kind(tmp_path: Path) -> None:
    done = redact("--count", cwd=tmp_path)
    counts = dict(reversed(line.split()) for line in done.stderr.decode().splitlines())
    assert counts == {"password": "1", "shop-token": "1", "token": "1", "masked": "3"}


def test_a_line_comes_out_as_soon_as_it_is_complete(tmp_path: Path) -> None:
    with subprocess.Popen([MOONMIND, "redact"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        child.stdin.write(b"password=hunter2\nrest")
        child.stdin.flush()
        assert child.stdout.readline() == b"password=[redacted:password]\n"
        child.stdin.close()
        assert child.stdout.read() == b"rest"


def test_help_teaches(tmp_path: Path) -> None:
    said = redact("--help", cwd=tmp_path, stdin=b"").stdout.decode()
    assert "docker compose logs shop | moonmind redact" in said
