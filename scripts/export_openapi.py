"""Write the API's OpenAPI document, made from the code alone: no server, database or broker is asked.

Called by `make openapi`.
"""

from __future__ import annotations

import json
from pathlib import Path

from api_service.main import create_app
from moonmind.config.settings import Settings

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "specs" / "005-orchestrator-architecture" / "contracts" / "openapi.json"


def render_openapi() -> str:
    """The document as it is committed: default settings, two spaces, keys in the order of the code."""
    app = create_app(Settings(home=ROOT))
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(render_openapi(), encoding="utf-8")
    print(TARGET.relative_to(ROOT))
