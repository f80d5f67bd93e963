#!/usr/bin/env bash
# login.sh PREFIX USER < password-file: logs in to the registry where the images of a prefix are.
set -euo pipefail
die() { echo "login.sh: $*" >&2; exit 1; }

[ -n "${2:-}" ] || die "who pushes? --user or REGISTRY_USER"
[ ! -t 0 ] || die "the password is read from standard input: … < password-file"
password=$(cat)
[ -n "$password" ] || die "the password, which is read from standard input, is empty"
registry=${1%%/*}
case $registry in *.* | *:* | localhost) ;; *) registry= ;; esac
said=$(printf %s "$password" | docker login --username "$2" --password-stdin ${registry:+"$registry"} 2>&1 >/dev/null) ||
    die "logging in to ${registry:-Docker Hub} as $2 failed: $(tail -n 1 <<<"$said")"
