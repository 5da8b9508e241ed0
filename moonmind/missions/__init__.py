"""Missions: work packages that people and agents move through lanes, under git, without any server.

    cli (`moonmind tasks`, `moonmind mission`) → `commands/` (one helper a command) → cores, which decide → `ports`

Cores do no I/O: `transition`, `requirements`, `status`, `graph`, `finalize`. What the design left open is written down
in `docs/SpecKitAutomation.md`.
"""
