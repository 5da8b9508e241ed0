"""Why an edit is not made."""


class EditRefusedError(Exception):
    """An edit that would not leave a sound file; the message says why, for people."""
