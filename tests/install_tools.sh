#!/bin/sh
# Installs what the tests need beside Python and cannot get from PyPI: a compose client, to check docker-compose.yml without
# an engine, and Chromium with a font, to check the page. On Debian as root it does so; elsewhere it says what to install, and
# the tests that need it are skipped.
set -eu

has_compose() {
    command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1
}

# As tests/e2e/page_fixtures.py looks for it.
has_browser() {
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return 0
    done
    test -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
}

# install CHECK PACKAGE…: the packages, unless what CHECK looks for is there.
install() {
    check=$1
    shift
    "$check" && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        if said=$( (apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@") 2>&1 ) && "$check"; then
            return 0
        fi
        echo "$said" | tail -n 3 >&2
        echo "apt-get could not install $1; the tests that need it are skipped" >&2
    else
        echo "$1 is not there; install it to run the tests that need it" >&2
    fi
}

# macOS: brew install docker-compose
install has_compose docker-compose
# macOS: brew install --cask google-chrome
install has_browser chromium fonts-dejavu-core
