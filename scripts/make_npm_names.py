"""Make `moonmind/workflows/orchestrator/data/npm_names.json`: established npm packages, and Node's own modules.

    .venv/bin/python scripts/make_npm_names.py        # on Debian, with `apt-get update` done and Node installed

A package of Debian whose name is `node-NAME` carries the npm package NAME (Debian's policy for JavaScript packages);
its maintainers have looked at it and at who makes it. `apt-cache dumpavail` lists them. A scoped npm package
`@scope/name` is `node-scope-name` there, which could be read as `scope-name` as well: a name of several words is
kept only when the package's home page ends in the same words. Node's own modules are what Node says they are.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

TARGET = Path(__file__).parents[1] / "moonmind/workflows/orchestrator/data/npm_names.json"

_PREFIX = "node-"
_NAME = re.compile(r"^[a-z0-9][a-z0-9.-]*$")


def packages(records: Iterable[str]) -> Iterator[str]:
    """The npm names of Debian's binary packages, each record being the text of one."""
    for record in records:
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", record, re.MULTILINE))
        name = fields.get("Package", "").removeprefix(_PREFIX)
        described = fields.get("Description", "").lower()
        if not fields.get("Package", "").startswith(_PREFIX) or not _NAME.match(name) or "transitional" in described:
            continue
        if "-" not in name or name == _home(fields.get("Homepage", "")):
            yield name


def _home(page: str) -> str:
    """The last part of a home page's address, as an npm package would be called."""
    return page.split("#")[0].rstrip("/").rpartition("/")[2].removesuffix(".git").removesuffix(".js").lower()


def builtin_modules() -> list[str]:
    """The modules that this Node has, without `node:`, its inner ones left out."""
    script = "console.log(JSON.stringify(require('module').builtinModules))"
    listed = subprocess.run(["node", "-e", script], capture_output=True, check=True, text=True).stdout
    return sorted({name.removeprefix("node:") for name in json.loads(listed) if not name.startswith("_")})


def main() -> None:
    """Write the data; one name a line, so that differences can be read."""
    dump = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True, text=True).stdout
    node = subprocess.run(["node", "--version"], capture_output=True, check=True, text=True).stdout.strip()
    system = dict(re.findall(r'^(\w+)="?([^"\n]*)', Path("/etc/os-release").read_text(), re.MULTILINE))
    data = {
        "source": f"{system['PRETTY_NAME']}: its node-* packages; Node {node}: its builtinModules",
        "builtin": builtin_modules(),
        "packages": sorted(set(packages(dump.split("\n\n")))),
    }
    TARGET.write_text(json.dumps(data, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
