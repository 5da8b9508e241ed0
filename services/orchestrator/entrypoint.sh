#!/bin/sh
# Starts one part of the project in a container:
#   api | worker QUEUE[,QUEUE] | migrate | any other command
set -eu
: "${MOONMIND_HOME:?the folder with config.toml, mounted at the path that it has on the host}"

# What is written below the mounted home shall belong to whoever owns the clone, who reads and removes it. Docker makes
# missing folders as root: they are handed over first. A Docker socket's group comes along where there is a socket.
as_owner() {
  owner=$(stat -c %u "$MOONMIND_HOME/config.toml")
  group=$(stat -c %g "$MOONMIND_HOME/config.toml")
  if [ "$(id -u)" != 0 ] || [ "$owner" = 0 ]; then exec "$@"; fi
  for folder in "$MOONMIND_HOME/var" "$MOONMIND_HOME/var/demo"; do
    if [ -d "$folder" ] && [ "$(stat -c %u "$folder")" = 0 ]; then chown "$owner:$group" "$folder"; fi
  done
  groups=--clear-groups
  if [ -S /var/run/docker.sock ]; then groups="--groups=$(stat -c %g /var/run/docker.sock)"; fi
  export HOME=/tmp
  exec setpriv --reuid="$owner" --regid="$group" "$groups" "$@"
}

# Workspaces are mounted from the host and may belong to somebody else: git is told which ones are meant.
trust_workspaces() {
  command -v git >/dev/null && [ "$(id -u)" = 0 ] || return 0
  git config --system --unset-all safe.directory || true
  for folder in "$MOONMIND_HOME" "${WORKSPACES:-$MOONMIND_HOME/var/demo}"; do
    git config --system --add safe.directory "$folder"
    git config --system --add safe.directory "$folder/*"
  done
}

part=${1:?api, worker, migrate or a command}
shift
case $part in
  api)
    as_owner uvicorn --factory api_service.main:create_app --host "$MOONMIND_API__HOST" --port "$MOONMIND_API__PORT" \
      --no-server-header --no-proxy-headers --timeout-graceful-shutdown 10
    ;;
  worker)
    # Loaded here once, so that unusable settings end the container with one clear message.
    python -c 'from moonmind.workflows.orchestrator import celeryconfig, metrics'
    trust_workspaces
    as_owner celery -A moonmind.workflows.orchestrator.tasks worker --pool threads --queues "${1:?the queues}" \
      --without-gossip --without-mingle --without-heartbeat --loglevel INFO
    ;;
  migrate) as_owner alembic --config /usr/lib/moonmind/alembic.ini upgrade head ;;
  *) as_owner "$part" "$@" ;;
esac
