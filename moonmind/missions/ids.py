"""Identifiers: ULIDs of events and missions, and what packages, subtasks, requirements and branches are called."""

from __future__ import annotations

import re

# `\Z` and `[0-9]`, since `$` lets a line end pass, and `\d` the digits of all scripts.
ULID = re.compile(r"^[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
"""26 characters of Crockford's base 32 (github.com/ulid/spec): 48 bits of milliseconds, 80 of chance."""

WORK_PACKAGE = re.compile(r"^WP[0-9]{2,4}\Z")
SUBTASK = re.compile(r"^T[0-9]{2,5}\Z")
REQUIREMENT = re.compile(r"^(?:FR|NFR|C)-[0-9]{1,5}\Z")
SLUG = re.compile(r"^[0-9]{3,5}-[a-z0-9]+(?:-[a-z0-9]+)*\Z")
"""A mission's folder: its number, three digits at least, and words of lower-case letters and digits."""
MOMENT = re.compile(
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z\Z"
)
BRANCH = re.compile(
    r"^(?![-/.])(?!.*(?:\.\.|//|/\.|@\{|\.lock(?:/|\Z)))[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])\Z",
)
"""As `git check-ref-format --branch` has it: never an option, a range or a path out of the folder."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHANCE_BITS = 80


def make_ulid(milliseconds: int, chance: int) -> str:
    """From the time since the epoch and an integer below 2**80. Later times, and of one time greater chances, sort
    later."""
    if not 0 <= milliseconds < 1 << 48 or not 0 <= chance < 1 << _CHANCE_BITS:
        raise ValueError("a ULID has 48 bits of milliseconds and 80 of chance")
    value = milliseconds << _CHANCE_BITS | chance
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def make_ulids(count: int, milliseconds: int, chance: int) -> list[str]:
    """Several of one instant that sort in the order in which they stand."""
    first = min(chance, (1 << _CHANCE_BITS) - count)
    return [make_ulid(milliseconds, first + index) for index in range(count)]
