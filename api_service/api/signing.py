"""Texts that only this installation can have made: parts of addresses, and tokens."""

from __future__ import annotations

from itsdangerous import BadData, URLSafeTimedSerializer


class Signer:
    """Signs texts for one purpose: what was signed for another opens nothing here.

    `seconds`: how long a signature holds; None when something else says so.
    """

    def __init__(self, secret: str, purpose: str, seconds: int | None = None) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt=purpose)
        self._seconds = seconds

    def sign(self, value: str) -> str:
        """The text in a form that can stand in a URL."""
        signed = self._serializer.dumps(value)
        return signed if isinstance(signed, str) else signed.decode()

    def unsign(self, token: str) -> str | None:
        """The text that was signed, None when the signature is wrong or too old."""
        try:
            value = self._serializer.loads(token, max_age=self._seconds)
        except BadData:
            return None
        return value if isinstance(value, str) else None
