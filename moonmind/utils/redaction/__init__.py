"""Masks secrets in text on its way to anybody: known values in any of their forms, then whatever looks like a secret.

A `Redactor` is made once from what is known and used by every sink. A mask says what was there, never how long it was:
`[redacted:github-token]`. What is no secret goes through byte for byte: hashes, digests, UUIDs, versions.
"""

from moonmind.utils.redaction.redactor import RedactionStream, Redactor

__all__ = ["RedactionStream", "Redactor"]
