#!/bin/bash
set -e
psql --version
