"""The five cores, each with a constant to put in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any


@dataclass(frozen=True, slots=True)
class Swap:
    """`command`: whose cases must notice. `make`: the constant."""

    core: str
    command: str
    make: Callable[[], Any]

    @property
    def module(self) -> str:
        return f"moonmind.missions.{self.core.partition('.')[0]}"

    def change(self, module: ModuleType) -> None:
        """Replaces the function; whatever it is asked, it answers the same."""
        setattr(module, self.core.partition(".")[2], lambda *_arguments, **_named: self.make())


def _refusal() -> Any:
    from moonmind.missions.errors import Refusal

    return Refusal("Constant", "always no")


def _nothing_to_move() -> Any:
    from moonmind.missions.moves import Move

    return Move(name="constant", hops=())


def _empty_report() -> Any:
    """Every field of its kind's zero."""
    from moonmind.missions.status import StatusReport

    empty: dict[str, Any] = {"str": "", "int": 0, "float": 0.0}
    values = {field.name: empty.get(str(field.type), ()) for field in fields(StatusReport)}
    mappings = {field.name: {} for field in fields(StatusReport) if str(field.type).startswith(("Mapping", "dict"))}
    return StatusReport(**values | mappings)


SWAPS: Mapping[str, Swap] = {
    "move-always-no": Swap("transition.decide_move", "move-task", _refusal),
    "move-always-unchanged": Swap("transition.decide_move", "move-task", _nothing_to_move),
    "status-always-empty": Swap("status.decide_status", "status", _empty_report),
    "mapping-always-no": Swap("requirements.decide_mapping", "map-requirements", _refusal),
    "finalize-always-no": Swap("finalize.decide_finalize", "finalize-tasks", _refusal),
    "dependents-always-none": Swap("graph.dependents_of", "list-dependents", tuple),
}
