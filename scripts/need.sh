#!/bin/sh
# Looks for what building or testing needs and installs only what this machine lacks.
# usage: need.sh [--check] build|test
#   --check   installs nothing: says what is missing and the one line that installs it, exit 2
# Commands and headers are looked for, not packages: a machine may carry its own.
set -u

check=no
[ "${1:-}" = --check ] && { check=yes; shift; }
purpose=${1:?build or test}
packages='' reasons=''

lack() { # package, what was not found
    packages="$packages $1"
    reasons="$reasons
  $1: no $2"
}
need_command() { # command, package
    command -v "$1" >/dev/null 2>&1 || lack "$2" "command $1"
}
need_module() { # pkg-config module, package
    pkg-config --exists "$1" 2>/dev/null || lack "$2" "headers of $1"
}

# A compiler without the C library's headers is common on small images.
has_headers() {
    "${CC:-cc}" -E -include stdlib.h -x c /dev/null >/dev/null 2>&1
}

need_command "${CC:-cc}" gcc
has_headers || lack libc6-dev 'headers of the C library'
need_command git git
need_command make make
need_command pkg-config pkg-config
need_command meson meson
need_command ninja ninja-build
need_module libmicrohttpd libmicrohttpd-dev
need_module libcurl libcurl4-openssl-dev
need_module jansson libjansson-dev
need_module yaml-0.1 libyaml-dev
need_module sqlite3 libsqlite3-dev
need_module libseccomp libseccomp-dev
need_module libcrypto libssl-dev
if [ "$purpose" = test ]; then
    need_module cmocka libcmocka-dev
    need_command node nodejs
    need_command npm npm
fi
[ -e /etc/ssl/certs/ca-certificates.crt ] || lack ca-certificates 'certificate authorities'

[ -z "$packages" ] && exit 0

line="apt-get update && apt-get install -y --no-install-recommends$packages"
echo "Missing:$reasons" >&2
if ! command -v apt-get >/dev/null 2>&1; then
    echo "This system has no apt-get: install these with its own packages, then try again." >&2
    exit 2
fi
if [ "$check" = yes ]; then
    echo "Install them with: $line" >&2
    exit 2
fi

as_root=''
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        echo "Neither root nor sudo without a password. As root, run this one line, then try again:" >&2
        echo "$line" >&2
        exit 2
    fi
fi
echo "Installing with apt-get:$packages" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if ! { $as_root apt-get update && $as_root apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get failed; by hand: $line" >&2
    exit 2
fi
