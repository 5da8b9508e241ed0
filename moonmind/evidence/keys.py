"""Ed25519 keys as records and bundles use them. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

SECRET_BYTES = 32
"""Of RFC 8032: any 32 random bytes are a private key."""


class KeyFormError(ValueError):
    """That is no Ed25519 key in the form that we write."""


class PublicKey:
    """Who can have signed: `key_id`, the fingerprint, is the SHA-256 of the key's 32 bytes, in hex."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.key_id = hashlib.sha256(key.public_bytes_raw()).hexdigest()

    @classmethod
    def from_pem(cls, text: bytes) -> PublicKey:
        """Raises KeyFormError."""
        try:
            key = load_pem_public_key(text)
        except (ValueError, UnsupportedAlgorithm):
            raise KeyFormError("this is no public key in PEM form") from None
        if not isinstance(key, Ed25519PublicKey):
            raise KeyFormError("this is no Ed25519 key")
        return cls(key)

    @property
    def pem(self) -> str:
        """SubjectPublicKeyInfo, as OpenSSL reads it."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed exactly this message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """The installation's own; signing takes about fifty microseconds, verifying twice that."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise KeyFormError(f"an Ed25519 key has {SECRET_BYTES} bytes")
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = PublicKey(self._key.public_key())

    @classmethod
    def from_text(cls, text: str) -> SigningKey:
        """From URL-safe base64 without padding. Raises KeyFormError."""
        try:
            secret = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise KeyFormError("this is not base64") from None
        return cls(secret)

    @property
    def key_id(self) -> str:
        """The fingerprint of its public half."""
        return self.public.key_id

    def sign(self, message: bytes) -> bytes:
        """64 bytes, the same ones each time."""
        return self._key.sign(message)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed exactly this message."""
        return self.public.verifies(message, signature)
