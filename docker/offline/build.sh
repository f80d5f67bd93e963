#!/usr/bin/env bash
# Builds stand-ins for the third-party images that we use, under the same names, on a machine that can reach
# mirrors of Debian and PyPI and no registry of images: the version next to the one in docker/images.env that they have.
# What is there already is left as it is.
#
#   docker/offline/build.sh            all of them
#   docker/offline/build.sh redis nats some of them, and python, on which they are built
set -euo pipefail
cd "$(dirname "$0")"

# Engines before 23 have BuildKit, and do not take it by themselves.
export DOCKER_BUILDKIT=1
# shellcheck source=docker/images.env
. ../images.env
declare -rA IMAGES=(
    [postgres]=$POSTGRES_IMAGE [redis]=$REDIS_IMAGE [nats]=$NATS_IMAGE [registry]=$REGISTRY_IMAGE
)

die() { echo "docker/offline/build.sh: $*" >&2; exit 1; }
there() { docker image inspect "$1" >/dev/null 2>&1; }

build_python() {
    [ "$(id -u)" = 0 ] || die "making a root file system needs root: run it with sudo"
    command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    debootstrap --variant=minbase --include=python3-minimal,python3.13-venv,ca-certificates trixie "$root" \
        >"$root.log" 2>&1 || { tail -5 "$root.log" >&2; die "debootstrap failed"; }
    rm "$root.log"
    for name in python python3; do ln -s /usr/bin/python3.13 "$root/usr/local/bin/$name"; done
    # Whom this machine trusts, and where it finds packages, so that builds inside do as it does.
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$root/etc/pip.conf"
    tar --create --directory "$root" --sort=name --exclude=./var/cache/apt/* --exclude=./var/lib/apt/lists/* \
        --exclude=./var/log/* --exclude=./usr/share/{doc,man,info,locale,zoneinfo}/* --exclude=./dev/* . |
        docker import --change 'CMD ["python3"]' --change 'ENV LANG=C.UTF-8' - "$PYTHON_IMAGE" >/dev/null
}

docker info >/dev/null 2>&1 || die "no Docker engine answers: start one first"
wanted=("$@")
((${#wanted[@]})) || wanted=("${!IMAGES[@]}")
for name in "${wanted[@]}"; do
    [ "$name" = python ] || [ -n "${IMAGES[$name]:-}" ] || die "there is no stand-in for $name, only for: python ${!IMAGES[*]}"
done
there "$PYTHON_IMAGE" || { echo "building $PYTHON_IMAGE"; build_python; }
for name in "${wanted[@]}"; do
    if [ "$name" = python ] || there "${IMAGES[$name]}"; then continue; fi
    echo "building ${IMAGES[$name]}"
    docker build --quiet --network host --build-arg "PYTHON=$PYTHON_IMAGE" --tag "${IMAGES[$name]}" "$name" >/dev/null
done
