#!/usr/bin/env bash
# Installs the StatsD daemon that the tests marked `statsd` talk to, into var/statsd of this clone. Needs node and npm.
set -euo pipefail
cd "$(dirname "$0")/.."
VERSION=0.9.0
[ "$(cat var/statsd/version 2>/dev/null)" = "$VERSION" ] && exit 0
mkdir -p var/statsd
npm install --prefix var/statsd --no-save --omit=optional --no-fund --no-audit --loglevel=error "statsd@$VERSION" >/dev/null
echo "$VERSION" >var/statsd/version
