#!/usr/bin/env bash
# Has a released version be the one that production runs: the image that its tag names gets the tag `production`, too.
# It is not built again: what the main branch tested and pushed is what is promoted.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT

usage() {
    cat <<'END'
usage: promote.sh [--prefix PREFIX] [--user USER] [--wait SECONDS] SERVICE/VERSION < password-file

Waits until the image PREFIX/delinkcious-SERVICE:VERSION of the tagged commit is in the registry, because the main
branch pushes it at the same time, and has the tags `production` and `VERSION-production` point to it.

  --prefix PREFIX    registry and account, such as ghcr.io/me; also IMAGE_PREFIX
  --user USER        who pushes; also REGISTRY_USER
  --wait SECONDS     how long to wait for the image (default: 3600)
END
}

die() { echo "promote.sh: $*" >&2; exit 1; }

prefix=${IMAGE_PREFIX:-} user=${REGISTRY_USER:-} wait=3600 tag=""
while (($#)); do
    case $1 in
        --prefix | --user | --wait)
            (($# > 1)) || die "$1 wants a value"
            declare "${1#--}=$2"
            shift
            ;;
        -h | --help) usage; exit ;;
        -*) usage >&2; die "there is no option $1" ;;
        *) tag=$1 ;;
    esac
    shift
done
[[ $tag =~ ^([a-z_]+)/([0-9]+\.[0-9]+\.[0-9]+)$ ]] || die "'$tag' is not SERVICE/MAJOR.MINOR.PATCH, such as link/0.2.0"
service=${BASH_REMATCH[1]} version=${BASH_REMATCH[2]}
[ -f "$ROOT/services/$service/VERSION" ] || die "there is no service $service"
[ -n "$prefix" ] || die "where is the image? --prefix or IMAGE_PREFIX"
[[ $wait =~ ^[0-9]+$ ]] || die "--wait: '$wait' is not a number of seconds"
commit=$(git -C "$ROOT" rev-parse --quiet --verify "refs/tags/$tag^{commit}") || die "there is no tag $tag here"
docker info >/dev/null 2>&1 || die "no Docker engine answers: is it running, and may you use it?"
"$ROOT/docker/login.sh" "$prefix" "$user"

image=$prefix/delinkcious-${service//_/-}
label=org.opencontainers.image.revision
others=""

# Sets `found` to the tag of the image of the commit. VERSION moves with later commits; what was promoted once has a tag
# that stays, so that one can go back to it.
find_image() {
    local candidate said revision
    for candidate in "$version-production" "$version"; do
        if ! said=$(docker pull --quiet "$image:$candidate" 2>&1); then
            case $said in
                *"not found"* | *"manifest unknown"*) continue ;;
                *) die "$image:$candidate could not be pulled: $said" ;;
            esac
        fi
        revision=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$image:$candidate")
        [ "$revision" != "$commit" ] || { found=$candidate; return; }
        others=", only that of $revision"
    done
    return 1
}

until find_image; do
    ((SECONDS < wait)) || die "$image:$version of $tag is not there after $wait s$others"
    echo "waiting for $image:$version"
    sleep 15
done
for target in "$version-production" production; do
    docker tag "$image:$found" "$image:$target"
    docker push --quiet "$image:$target" >/dev/null || die "$image:$target could not be pushed"
done
echo "$image:production is $version"
