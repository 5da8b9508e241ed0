"""What a plan's digest is made from. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def digest_of_plan(
    context: Mapping[str, Any],
    edits: Sequence[Mapping[str, Any]],
    changes: Sequence[Mapping[str, Any]],
    steps: Sequence[Mapping[str, Any]],
) -> str:
    """SHA-256 over service, the names of the steps that are done, edits and file hashes, all in their JSON form.

    Never over ids, times or time-outs: a plan that does the same has the same digest, and approvals stay valid for it.
    """
    body = {
        "service": dict(context),
        "steps": [step.get("name") for step in steps if (step.get("parameters") or {}).get("skip") is not True],
        "edits": list(edits),
        "changes": list(changes),
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
