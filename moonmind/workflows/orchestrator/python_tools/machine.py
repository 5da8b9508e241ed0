"""uv as this machine has it: the program of our own environment, set up the way its pip is."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import uv

from moonmind.workflows.orchestrator.package_index.pip_client import PipClient
from moonmind.workflows.orchestrator.python_commands import UvCommands, poetry_environment, uv_environment


@dataclass(frozen=True, slots=True)
class MachinePoetry:
    """Poetry's surroundings; which index it asks, the project says, or it is Poetry's own."""

    pip: PipClient

    @property
    def environment(self) -> dict[str, str]:
        """What to add to Poetry's environment."""
        return poetry_environment(self.pip.configuration, os.environ)


@dataclass(frozen=True, slots=True)
class MachineUv:
    """Makes uv's commands; pip is asked for its settings at the first of them."""

    pip: PipClient

    @property
    def commands(self) -> UvCommands:
        """The argv builders."""
        env = uv_environment(self.pip.configuration, os.environ)
        return UvCommands(uv=uv.find_uv_bin(), python=sys.executable, env=env)
