#!/bin/sh
# Makes a virtual environment; Debian keeps the module for that in a package of its own, fetched here when it is missing.
set -eu
"$1" -m venv "$2" 2>/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
    exec "$1" -m venv "$2"
fi
echo "cannot make a virtual environment: install your system's package for Python's venv module (Debian: python3-venv)" >&2
exit 1
