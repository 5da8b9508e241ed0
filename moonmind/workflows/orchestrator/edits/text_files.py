"""Text files as lines that give back the very same bytes: byte order mark, encoding and line endings are kept."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),  # what PowerShell's `pip freeze > requirements.txt` writes
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class TextFile:
    """`lines` keep their endings; `mark` and `encoding` turn them back into bytes."""

    lines: tuple[str, ...]
    mark: bytes
    encoding: str

    @property
    def newline(self) -> str:
        """The line ending that the file uses most; `\\n` for a file without any."""
        ended = [line for line in self.lines if line.endswith("\n")]
        windows = sum(line.endswith("\r\n") for line in ended)
        return "\r\n" if windows * 2 > len(ended) else "\n"

    def insert(self, index: int, text: str) -> TextFile:
        """A copy with `text` as a line of its own before line `index`."""
        before, after = list(self.lines[:index]), self.lines[index:]
        if before and not before[-1].endswith(("\n", "\r")):
            before[-1] += self.newline
        return TextFile((*before, text + self.newline, *after), self.mark, self.encoding)

    def replace(self, start: int, end: int, text: str) -> TextFile:
        """A copy with `text` (with its line endings) in place of the lines from `start` up to `end`, excluded."""
        return TextFile((*self.lines[:start], *split_lines(text), *self.lines[end:]), self.mark, self.encoding)

    def to_bytes(self) -> bytes:
        """The file's bytes."""
        return self.mark + "".join(self.lines).encode(self.encoding)


def read_text_file(content: bytes) -> TextFile:
    """Decode by the mark, else as UTF-8, else byte by byte (Latin-1 loses nothing)."""
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8"))
    body = content[len(mark) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        mark, encoding, text = b"", "latin-1", content.decode("latin-1")
    return TextFile(tuple(split_lines(text)), mark, encoding)


def split_lines(text: str) -> list[str]:
    """Lines with their endings, split at line feeds only: a form feed or U+2028 inside a line is no end of it."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
