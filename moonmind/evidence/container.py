"""The outside of a bundle: an uncompressed tar (ustar) in its one canonical form. Pure.

Name and size of a member decide every other byte of the file, so nothing can be hidden or changed outside the contents;
nothing is compressed, so nothing grows; it is read in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 512
CHUNK = 64 * 1024
END = bytes(2 * BLOCK)
LONGEST_NAME = 100
LARGEST_PART = 8**11 - 1
"""Bytes: what eleven octal digits hold."""
MOST_PARTS = 100_000


class BundleError(Exception):
    """The file is not in the form of a bundle; from here on nothing in it can be told."""


@dataclass(frozen=True, slots=True)
class Part:
    """A member's name and size, and its bytes in pieces, which must be taken before the next part."""

    name: str
    size: int
    pieces: Iterator[bytes]


def header(name: str, size: int) -> bytes:
    """The block before a member: a plain file of nobody, of no time. Raises ValueError for what does not fit."""
    encoded = name.encode("ascii")
    if not 0 < len(encoded) <= LONGEST_NAME or not 0 <= size <= LARGEST_PART:
        raise ValueError(f"{name!r} of {size} bytes does not fit a bundle")
    fields = (
        encoded.ljust(LONGEST_NAME, b"\0"),
        b"0000644\0" + b"0000000\0" * 2,  # mode, owner, group
        b"%011o\0" % size,
        b"00000000000\0",  # time
        b" " * 8,  # the checksum, while it is summed
        b"0" + bytes(100),  # a plain file, no link
        b"ustar\x0000" + bytes(64),
        b"0000000\0" * 2,  # no device
        bytes(155 + 12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padding(size: int) -> bytes:
    """What fills a member's last block."""
    return bytes(-size % BLOCK)


def read_parts(stream: BinaryIO) -> Iterator[Part]:
    """The members in their order. Raises BundleError at the first byte that is not where it must be."""
    for _ in range(MOST_PARTS):
        block = _exactly(stream, BLOCK, "the header of a part")
        if block == bytes(BLOCK):
            if _exactly(stream, BLOCK, "the end mark") != bytes(BLOCK) or stream.read(1):
                raise BundleError("something follows the end mark")
            return
        name, size = _read_header(block)
        pieces = _pieces(stream, name, size)
        yield Part(name, size, pieces)
        for _ in pieces:  # what was not taken
            pass
        if _exactly(stream, len(padding(size)), f"the end of {name}") != padding(size):
            raise BundleError(f"the filling after {name} was changed")
    raise BundleError(f"it has more than {MOST_PARTS} parts")


def _read_header(block: bytes) -> tuple[str, int]:
    """Name and size, when all of the block is as they say."""
    try:
        name = block[:LONGEST_NAME].rstrip(b"\0").decode("ascii")
        size = int(block[124:135], 8)
        wanted = header(name, size)
    except ValueError:
        raise BundleError("a header is not one of ours") from None
    if block != wanted:
        raise BundleError(f"the header of {name!r} was changed")
    return name, size


def _pieces(stream: BinaryIO, name: str, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = stream.read(min(CHUNK, size))
        if not piece:
            raise BundleError(f"it ends within {name}")
        size -= len(piece)
        yield piece


def _exactly(stream: BinaryIO, size: int, what: str) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise BundleError(f"it ends before {what}")
    return data
