#!/bin/sh
# Re-make the lock files from pyproject.toml: newest stable versions, with hashes, naming no host.
#   requirements.lock                     the program with the embedded stack (`make setup`, users)
#   requirements-dev.lock                 the same plus what tests and checks need
#   services/orchestrator/requirements.txt  the program and the clients of models, for the container images
# and scripts/repair/tools.lock, the tools that `make bench-repair` compares with.
set -eu
cd "$(dirname "$0")/.."
lock() {
  out=$1; shift
  uv pip compile --quiet --universal --generate-hashes --upgrade --no-emit-index-url --no-emit-find-links \
    --python-version 3.11 --custom-compile-command "make lock" --output-file "$out" "$@" >/dev/null
}
lock services/orchestrator/requirements.txt --extra llm pyproject.toml
lock requirements.lock --extra embedded pyproject.toml
lock requirements-dev.lock --extra embedded --extra llm --extra tracing --group dev pyproject.toml
lock scripts/repair/tools.lock scripts/repair/tools.in
