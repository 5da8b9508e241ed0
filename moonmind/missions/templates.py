"""What `moonmind mission new` writes: files that show how they are filled in. Their examples are fenced, so that a new
mission has no packages and no requirements, and nothing of it is refused."""

from __future__ import annotations

from collections.abc import Mapping

ATTRIBUTES = b"""\
# Two logs are united line by line: their order does not matter, and what is in both counts once.
status.events.jsonl merge=union
# A merge of two views would be neither: it leaves one side whole. Take it; the next event writes it anew.
status.json -merge
"""

_SPECIFICATION = """\
# Specification: {title}

What is wanted, and how one will see that it is there. Number what is asked for; every functional requirement (FR) must
have a work package that does it (`moonmind tasks map-requirements`):

```markdown
## Requirements

- FR-1: A broken line is reported with its number.
- NFR-1: A million lines take less than a second.
- C-1: It works without a network.
```
"""

_PLAN = """\
# Plan: {title}

How it is to be built: what is decided, what was left aside and why, in which order it goes.
"""

_TASKS = """\
# Tasks: {title}

Which work packages there are, what each waits for, and its subtasks. Like this:

```markdown
## Phase 1: Foundation

### WP01: Parser
Depends on: none
- [ ] T001 Read the file
- [ ] T002 Report a broken line

### WP02: Report
Depends on: WP01

| id | task | status |
|---|---|---|
| T003 | Draw the table | pending |
```

Each package has a file too, for who does it, such as `tasks/WP01-parser.md`. Only the first two keys are needed:

```markdown
---
work_package_id: WP01
title: Parser
requirement_refs: [FR-1]
owned_files: ["src/parser/**"]
---

What is to be done, and when it is enough.
```

Then `moonmind tasks finalize-tasks` checks both and copies dependencies and subtasks into the packages' files, and
`moonmind tasks status` shows the board.
"""


def planning_files(title: str) -> Mapping[str, bytes]:
    """By path below the mission's folder."""
    texts = {"spec.md": _SPECIFICATION, "plan.md": _PLAN, "tasks.md": _TASKS}
    return {path: text.replace("{title}", title).encode() for path, text in texts.items()}
