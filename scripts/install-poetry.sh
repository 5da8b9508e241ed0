#!/usr/bin/env bash
# Installs the Poetry that the tests of its lock files run, into var/poetry of this clone. Needs Python and its package index.
set -euo pipefail
cd "$(dirname "$0")/.."
VERSION=2.5.1
[ "$(cat var/poetry/version 2>/dev/null)" = "$VERSION" ] && exit 0
mkdir -p var
.venv/bin/uv venv --quiet --no-project --clear --python .venv/bin/python var/poetry
.venv/bin/uv pip install --quiet --python var/poetry "poetry==$VERSION"
echo "$VERSION" >var/poetry/version
