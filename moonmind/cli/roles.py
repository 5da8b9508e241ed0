"""The roles that a key can give, as the options of the commands name them."""

from __future__ import annotations

ROLES = ("viewer", "operator", "approver", "admin")
