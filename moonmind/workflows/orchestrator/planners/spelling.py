"""When one name looks like a slip of the keyboard for another. A variant (`ujson`, `httpx`, `glob2`) is no slip."""

from __future__ import annotations

SHORTEST = 5
"""Letters of a name that a slip can be told from a different short name; exchanges and doublings show from 4 on."""


def is_slip(name: str, of: str) -> bool:
    """True when `name` is `of` with one slip: letters exchanged, doubled, left out, or one wrong in the middle."""
    if name == of:
        return False
    if name.replace("_", "").casefold() == of.replace("_", "").casefold():
        return True
    if name[:1] != of[:1] or len(of) < SHORTEST - 1:
        return False
    if _exchanged(name, of) or _doubled(name, of):
        return True
    return len(of) >= SHORTEST and (_left_out(name, of) or _added_inside(name, of) or _wrong_inside(name, of))


def is_near(name: str, of: str) -> bool:
    """The wider notion, for names that few others can be meant for: a slip, or any single change of four or more."""
    if is_slip(name, of):
        return True
    if min(len(name), len(of)) < SHORTEST - 1 or name == of:
        return False
    return _shorter_by_one(name, of) or _shorter_by_one(of, name) or _differences(name, of) == 1


def _exchanged(name: str, of: str) -> bool:
    if len(name) != len(of):
        return False
    wrong = [index for index in range(len(of)) if name[index] != of[index]]
    match wrong:
        case [first, second]:
            return second == first + 1 and name[first] == of[second] and name[second] == of[first]
    return False


def _doubled(name: str, of: str) -> bool:
    places = range(1, len(name)) if len(name) == len(of) + 1 else range(0)
    return any(name[place] == name[place - 1] and name[:place] + name[place + 1 :] == of for place in places)


def _left_out(name: str, of: str) -> bool:
    places = range(len(of)) if len(name) == len(of) - 1 else range(0)
    return any(of[place].isalpha() and of[:place] + of[place + 1 :] == name for place in places)


def _added_inside(name: str, of: str) -> bool:
    places = range(1, len(name) - 1) if len(name) == len(of) + 1 else range(0)
    return any(name[:place] + name[place + 1 :] == of for place in places)


def _wrong_inside(name: str, of: str) -> bool:
    return _differences(name, of) == 1 and name[-1:] == of[-1:]


def _differences(name: str, of: str) -> int | None:
    return sum(a != b for a, b in zip(name, of, strict=True)) if len(name) == len(of) else None


def _shorter_by_one(short: str, long: str) -> bool:
    return len(short) + 1 == len(long) and any(long[:place] + long[place + 1 :] == short for place in range(len(long)))
