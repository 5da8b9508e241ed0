"""Keys that every test may know."""

from __future__ import annotations

from moonmind.evidence.keys import SigningKey

HOUSE_KEY = SigningKey(b"k" * 32)
OTHER_KEY = SigningKey(b"o" * 32)
