"""COPY instructions that come to a Dockerfile: named files of the service under their own names, to where its files go.

Under another name a file that anybody may edit would become a manifest or an installer's settings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from moonmind.workflows.orchestrator.planners.dockerfile_changes import work_folder
from moonmind.workflows.orchestrator.planners.foreign import RefusedChangeError
from moonmind.workflows.orchestrator.planners.foreign.dockerfile_parts import Part, Parts
from moonmind.workflows.orchestrator.planners.foreign.steering import refuse_steering
from moonmind.workflows.orchestrator.policies import refuse_path

_COPY = re.compile(r"COPY((?: [\w./][\w./-]*){2,})", re.ASCII)


def check_copy(path: str, copy: Part, old: Parts, new: Parts) -> None:
    """Raises RefusedChangeError."""
    known = {one.text.split()[-1].rstrip("/") for one in old.parts if (one.stage, one.kind) == (copy.stage, "COPY")}
    if reason := _refused(copy, new, known):
        raise RefusedChangeError(f"{path}: `{copy.shown}` is not how a service's files are copied: {reason}")


def _refused(copy: Part, new: Parts, known: Set[str]) -> str | None:
    found = _COPY.fullmatch(copy.text)
    if found is None or copy.stage < 0:
        return "only plain names are taken, without options and patterns"
    *sources, target = found[1].split()
    if target.startswith("/"):
        if target.rstrip("/") not in known:
            return f"{target} is not where this stage's files go"
    elif work_folder(new.dockerfile, new.dockerfile.stages[copy.stage], copy.line) == "/":
        return "no WORKDIR is set before it"
    return _renamed(sources, target) or next(filter(None, map(_foreign, sources)), None) or refuse_steering(target)


def _renamed(sources: Sequence[str], target: str) -> str | None:
    if ".." in target:
        return f"{target} may lead elsewhere"
    name = sources[0].rstrip("/").rpartition("/")[2]
    keeps = target == "." or target.endswith("/") or (len(sources) == 1 and target.rpartition("/")[2] == name)
    return None if keeps else f"a file keeps its name, and the name of a folder ends in `/`, not {target}"


def _foreign(source: str) -> str | None:
    """Why it is no named file of the service's own that may be changed."""
    plain = source.removeprefix("./").rstrip("/")
    return refuse_path(plain, ("**",)) or refuse_steering(plain)
