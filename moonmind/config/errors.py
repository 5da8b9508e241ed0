"""Errors of the configuration; apart from the settings, so that a command can catch them before it loads those."""

from __future__ import annotations


class SettingsError(Exception):
    """The settings are not usable; the message names each key and what to do."""
