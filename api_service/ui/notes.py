"""What an action leaves behind for the page that follows: one of a few fixed sentences, never somebody's text."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request

NOTE_COOKIE = "moonmind_note"

NOTES: Mapping[str, str] = {
    "asked": "The run is accepted; a worker takes it.",
    "previewing": "The preview is on its way; nothing is changed by it.",
    "approved": "Your approval is on record.",
    "rejected": "Your rejection is on record.",
    "taken_back": "The answer is taken back; it stays on record.",
    "cancelled": "The run is being stopped.",
    "retried": "A new run takes it up.",
    "key_revoked": "The key opens nothing any more.",
    "gate_set": "The gate is in force.",
    "gate_reset": "The gate of config.toml is in force again.",
    "signed_in": "You are signed in.",
    "signed_out": "You are signed out.",
}


def note_of(request: Request) -> str | None:
    """The sentence for this visit, if there is one."""
    return NOTES.get(request.cookies.get(NOTE_COOKIE, ""))
