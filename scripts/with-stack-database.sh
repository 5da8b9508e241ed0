#!/bin/sh
# Run a command with MOONMIND_TEST_DATABASE_URL naming a PostgreSQL of docker-compose.test.yaml, then remove it.
#   scripts/with-stack-database.sh .venv/bin/pytest tests/contract
set -eu
cd "$(dirname "$0")/.."
project=mmdatabase-$$
compose() { docker compose --file docker-compose.test.yaml --project-name "$project" "$@"; }
trap 'compose down --volumes --timeout 1 >/dev/null 2>&1' EXIT
compose up --detach --wait --quiet-pull postgres
address=$(compose port postgres 5432)
MOONMIND_TEST_DATABASE_URL=postgresql+psycopg://moonmind:test@$address/moonmind "$@"
