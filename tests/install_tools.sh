#!/bin/sh
# Installs what the tests need beside Python and cannot get from PyPI: a compose client, to check docker-compose.yml without
# an engine. On Debian as root it does so; elsewhere it says what to install, and the tests that need it are skipped.
set -eu

has_compose() {
    command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1
}

if has_compose; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    if said=$( (apt-get update -qq && apt-get install -y -qq --no-install-recommends docker-compose) 2>&1 ) && has_compose; then
        exit 0
    fi
    echo "$said" | tail -n 3 >&2
    echo "apt-get could not install docker-compose; the test of docker-compose.yml is skipped without it" >&2
    exit 0
fi
echo "no compose client: install one (Debian: docker-compose, macOS: brew install docker-compose) to test docker-compose.yml" >&2
