"""A run's lines, taken over to a version of the file that has other changes."""

import pytest

from moonmind.workflows.orchestrator.edits.carry import carry


def lines(text: str) -> bytes:
    return "".join(f"{word}\n" for word in text.split()).encode()


@pytest.mark.parametrize(
    ("before", "after", "onto", "carried"),
    [
        ("a b", "a x b", "a b", "a x b"),
        ("a b", "a x b", "a x b", "a x b"),
        ("a b mine", "a x b mine", "a b", "a x b"),
        ("a b", "a x b", "a b theirs", "a x b theirs"),
        ("a b c", "a c", "a b c d", "a c d"),
        ("a b c", "a B c", "0 a b c", "0 a B c"),
        ("a b c d", "A b c D", "a b e c d", "A b e c D"),
    ],
)
def test_changes_apart_from_each_other_both_hold(before: str, after: str, onto: str, carried: str) -> None:
    assert carry(lines(before), lines(after), lines(onto)) == lines(carried)


@pytest.mark.parametrize(
    ("before", "after", "onto", "carried"),
    [
        ("a b mine", "a b mine x", "a b", "a b x"),
        ("a mine", "a x mine", "a", "a x"),
        ("a mine mine2", "a mine x mine2", "a", "a x"),
        ("mine a", "x mine a", "a", "x a"),
        ("a mine c", "a mine x c", "a b c", "a b x c"),
        ("a c", "a x c", "a b c", "a x b c"),
        ("a b", "a B", "a theirs b", "a theirs B"),
        ("a b", "A b", "a theirs b", "A theirs b"),
    ],
)
def test_changes_that_touch_are_not_in_each_others_way(before: str, after: str, onto: str, carried: str) -> None:
    assert carry(lines(before), lines(after), lines(onto)) == lines(carried)


@pytest.mark.parametrize(
    ("before", "after", "onto"),
    [
        ("a mine c", "a x c", "a b c"),
        ("a mine mine2 c", "a mine x mine2 c", "a b c"),
        ("a b c", "a x c", "a theirs c"),
        ("a b", "x y", "a theirs b"),
        ("a b", "a x", ""),
    ],
)
def test_changes_of_the_same_lines_are_refused(before: str, after: str, onto: str) -> None:
    assert carry(lines(before), lines(after), lines(onto)) is None


@pytest.mark.parametrize(
    ("before", "after", "onto"),
    [
        ("a b mine", "a b mine x", "a b"),
        ("a c", "a x c", "a b c"),
        ("a b", "A b", "a theirs b"),
        ("a b c", "a c", "b c"),
        ("a b c", "c", "a"),
    ],
)
def test_what_was_carried_is_found_there_and_not_carried_again(before: str, after: str, onto: str) -> None:
    carried = carry(lines(before), lines(after), lines(onto))
    assert carried is not None
    assert carry(lines(before), lines(after), carried) == carried


def test_a_line_is_never_glued_to_one_without_an_end() -> None:
    assert carry(b"a\nmine\n", b"a\nmine\nx\n", b"a") is None
    assert carry(b"a\nb", b"x\na\nb", b"a\nc\nb") == b"x\na\nc\nb"


def test_versions_with_other_line_ends_have_nothing_in_common() -> None:
    assert carry(b"a\r\nb\r\n", b"a\r\nx\r\nb\r\n", b"a\nb\n") is None


def test_long_files_of_repeated_lines_are_carried_in_time() -> None:
    block = b"},\n" * 20_000
    assert carry(b"a\n" + block, b"b\n" + block, b"a\n" + block + b"c\n") == b"b\n" + block + b"c\n"
