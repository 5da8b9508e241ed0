"""What to do after a refusal, in words of the commands: the API's own advice is written for calls over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping

from moonmind.cli.output import SHORT_ID

ADVICE: Mapping[str, str] = {
    "answered_before": "Your answer stands. Take it back with `moonmind runs revoke {run}`, or ask an admin to.",
    "approval_expired": "The run ends by itself; then `moonmind runs retry {run}` asks again.",
    "approval_not_found": "`moonmind runs show {run}` lists the answers.",
    "idempotency_conflict": "Use another --idempotency-key.",
    "inputs_changed": "Add `--from analyze` for a new plan, or put those files back as they were.",
    "invalid_request": "",
    "key_not_found": "`moonmind keys list` shows them.",
    "last_admin": "Make another one first, `moonmind keys create NAME --role admin`, and revoke this with it.",
    "not_authenticated": "Check MOONMIND_API_KEY or, when that is not set, var/admin.key in the home of the stack.",
    "not_awaiting": "`moonmind runs show {run}` says where it stands.",
    "not_found": "Is the API at MOONMIND_API_URL one of this version?",
    "not_resumable": "Add `--from analyze`, or ask for a new run with `moonmind runs create`.",
    "not_the_approver": "Ask whoever gave the answer, or an admin.",
    "plan_changed": "Look at it as it is now: `moonmind runs diff {run}`.",
    "run_not_found": "`moonmind runs list` shows the runs.",
    "run_not_over": "Wait until it has ended, or end it with `moonmind runs cancel {run}`.",
    "run_over": "`moonmind runs show {run}` says how.",
    "token_invalid": "`moonmind runs token RUN` gives a new one, with RUN a dry run of the same service.",
    "token_of_another_person": "`moonmind runs token RUN` gives one of your own.",
    "token_of_another_run": "`moonmind runs token RUN` gives one, with RUN a dry run of the same service.",
    "too_many_requests": "Wait a moment; `rate_limit` in [api] of config.toml says how often one key may ask.",
    "too_late": "`moonmind runs cancel {run}` stops it and undoes what it did.",
}
"""By the code of the problem; of what is not here, the API's own advice says nothing about HTTP."""

OPTIONS = {"`resume_from_step: analyze`": "`--from analyze`", "`resume_from_step`": "`--from STEP`"}
"""Names of fields that stand in sentences of the API, and the options that set them."""

RUN_IN_PATH = re.compile(r"/orchestrator/runs/([0-9a-f-]{36})")


def advise(error: str, path: str, otherwise: str) -> str:
    """What to do about the problem with this code, at this path; `otherwise` when nothing better is known here."""
    run = RUN_IN_PATH.search(path)
    return ADVICE.get(error, otherwise).replace("{run}", run[1][:SHORT_ID] if run else "RUN")


def in_words_of_commands(sentence: str) -> str:
    """A sentence of the API with options in place of fields."""
    for field, option in OPTIONS.items():
        sentence = sentence.replace(field, option)
    return sentence
