#!/bin/bash
set -eu
exec node server.js --port "$PORT_TO_USE"
