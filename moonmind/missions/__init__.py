"""Missions: work packages that people and agents move through lanes, under git, without any server.

    cli (`moonmind tasks`, `moonmind mission`) → `commands/` (one helper a command) → cores, which decide → `ports`

Shapes that every command needs are `msgspec.Struct`s: a data class takes 0.8 ms to make, a struct 0.04, and a
command makes them all at each call. Cores do no I/O: `transition`, `requirements`, `status`, `graph`, `finalize`.
What the design left open is written down in `docs/SpecKitAutomation.md`.
"""
