"""In a child that has this folder on PYTHONPATH: tells which arm of the transition core decided, or swaps a core.

`GOLDEN_ARMS`: a file, to which the name of each decision is added. `GOLDEN_SWAP`: the name of a swap in `swaps.py`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

TRANSITION = "moonmind.missions.transition"


class _Patching(importlib.abc.MetaPathFinder):
    """Finds a module as usual, and changes it when it is loaded."""

    def __init__(self, name: str, change: Callable[[ModuleType], None]) -> None:
        self.name, self.change = name, change

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec
        assert spec.loader
        load = spec.loader.exec_module

        def load_and_change(module: ModuleType) -> None:
            load(module)
            self.change(module)

        spec.loader.exec_module = load_and_change
        return spec


def _tell_arms(module: ModuleType) -> None:
    decide = module.decide_move

    def decide_and_tell(*arguments: Any, **named: Any) -> Any:
        decision = decide(*arguments, **named)
        with open(os.environ["GOLDEN_ARMS"], "a") as file:
            file.write(getattr(decision, "name", None) or decision.code)
            file.write("\n")
        return decision

    module.decide_move = decide_and_tell


if "GOLDEN_ARMS" in os.environ:
    sys.meta_path.insert(0, _Patching(TRANSITION, _tell_arms))
if "GOLDEN_SWAP" in os.environ:
    swap = importlib.import_module("swaps").SWAPS[os.environ["GOLDEN_SWAP"]]
    sys.meta_path.insert(0, _Patching(swap.module, swap.change))
