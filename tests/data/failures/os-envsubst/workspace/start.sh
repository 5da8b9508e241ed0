#!/bin/sh
set -e
envsubst < /etc/hostname
