"""The kept data: npm packages that a distribution of free software carries (made by scripts/make_npm_names.py), and the
modules that are part of Node itself."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from moonmind.workflows.orchestrator.planners.spelling import is_slip


@cache
def established() -> frozenset[str]:
    """Names that somebody has reviewed before packaging them: what a look-alike would imitate."""
    return frozenset(_data()["packages"])


@cache
def builtin_modules() -> frozenset[str]:
    """What `require` finds without any package, without the prefix `node:`."""
    return frozenset(_data()["builtin"])


def is_builtin(name: str) -> bool:
    """Whether a module, or the module that it is a part of, is Node's own."""
    bare = name.removeprefix("node:")
    return bare in builtin_modules() or bare.partition("/")[0] in builtin_modules()


def known_name_meant(package: str) -> str | None:
    """The established name or Node's own that this one is a slip of; None for an established one."""
    if package in established():
        return None
    known = sorted(established() | builtin_modules())
    return next((one for one in known if is_slip(_plain(package), _plain(one))), None)


def _plain(name: str) -> str:
    return name.replace("-", "_")


@cache
def _data() -> dict[str, list[str]]:
    text = (files("moonmind.workflows.orchestrator") / "data" / "npm_names.json").read_text(encoding="utf-8")
    data: dict[str, list[str]] = json.loads(text)
    return data
