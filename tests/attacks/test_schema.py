"""Schemathesis with all its checks against the running API: what its document allows, and what it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.attacks.tally import Tally
from tests.attacks.town import Town

CASES = int(os.environ.get("CASES", "400"))
"""At least so many; `make test-attacks` asks for 5,000."""
PER_OPERATION = max(8, (CASES - 600) // 12)
"""Some 600 cases come from the document alone, whatever this is; some operations have but one."""
CONFIG = """
seed = 20261121
[parameters]
"path.run_id" = "{run}"
"path.artifact_id" = "{artifact}"
"path.service" = "shop"
[generation]
deterministic = true
allow-x00 = false
database = "none"
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 304, 400, 401, 403, 404, 409, 416]
"""
"""NUL is left out, since no schema can say so of all texts at once; test_http has it. 400 is for unknown services."""


def test_the_api_is_what_its_document_says(town: Town, tally: Tally, tmp_path: Path) -> None:
    config, report = tmp_path / "schemathesis.toml", tmp_path / "report.json"
    run = town.submit("sound0", "restart it")
    artifact = town.wait(run)["artifacts"][0]["artifact_id"]
    config.write_text(CONFIG.format(run=run, artifact=artifact))
    argv = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{town.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {town.admin}", "--max-examples", str(PER_OPERATION)),
        *("--report-json-path", str(report), "--no-color"),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=town.env(), cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    told = json.loads(report.read_text())
    assert (told["operations"]["tested"], told["test_cases"]["errored"]) == (told["operations"]["total"], 0)
    tally.add(told["test_cases"]["generated"])
    assert told["test_cases"]["generated"] >= CASES
