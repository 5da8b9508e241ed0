"""A compiled module was built against another release of what it uses.

NumPy's own words (its user guide, "Importing the C-API failed" and the NumPy 2 migration guide): a module compiled
against NumPy 1 cannot run with NumPy 2; Cython's check "X size changed" says so of any distribution with a C interface.
`details`: `provider`, the top-level module whose interface changed; `library`, the installed one that was compiled.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen
from moonmind.workflows.orchestrator.detectors.owners import libraries
from moonmind.workflows.orchestrator.detectors.tracebacks import Failure, Raised, read_failures

NUMPY = "numpy_abi"
SIZE_CHANGED = "python_binary_incompatible"
SYMBOL = "python_undefined_symbol"

_SIZE = re.compile(r"^(?P<provider>\w+)(?:\.\w+)+ size changed, may indicate binary incompatibility")
_COMPILED = re.compile(r"^A module that was compiled using NumPy 1\.x cannot be run in")
_MULTIARRAY = re.compile(r"^numpy\.(?:_?core)\.(?:multiarray|umath) failed to import")
_SYMBOL = re.compile(r"^(?P<file>/[^:]{1,400}\.so[\d.]*): undefined symbol: (?P<symbol>\w+)")


def find(lines: Sequence[Line]) -> list[Seen]:
    """Of each failure whether a compiled module did not fit what it runs with."""
    return [Seen(found, failure.final.line) for failure in read_failures(lines) if (found := _of(failure))]


def _of(failure: Failure) -> Finding | None:
    for raised in reversed(failure.chain):
        if size := _SIZE.match(raised.message):
            return _mismatch(raised, size["provider"])
        if _MULTIARRAY.match(raised.message) or _COMPILED.match(raised.message):
            return _mismatch(raised, "numpy")
        if symbol := _SYMBOL.match(raised.message):
            return _undefined(raised, symbol["file"], symbol["symbol"])
    return None


def _mismatch(raised: Raised, provider: str) -> Finding:
    """The compiled module has no frame of its own: who imports it is the deepest library that is not the provider."""
    library = next((one for one in libraries(raised.frames) if one != provider), "")
    compiled = f"`{library}`" if library else "a compiled module"
    return Finding(
        kind=NUMPY if provider == "numpy" else SIZE_CHANGED,
        summary=f"{compiled} was compiled against another release of `{provider}` than the one it runs with",
        subject=provider,
        details={"provider": provider, "library": library},
        evidence=tuple(line.as_evidence() for line in raised.evidence),
    )


def _undefined(raised: Raised, file: str, symbol: str) -> Finding:
    return Finding(
        kind=SYMBOL,
        summary=f"the compiled module {file.rpartition('/')[2]} needs `{symbol}`, which nothing that is loaded has",
        subject=next(iter(libraries(raised.frames)), None),
        details={"symbol": symbol},
        evidence=tuple(line.as_evidence() for line in raised.evidence),
    )
