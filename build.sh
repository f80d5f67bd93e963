#!/usr/bin/env bash
# Builds, tags and pushes the images of the services. See --help, and docs/images.md.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly ROOT MAIN=main
# Engines before 23 have BuildKit, and do not take it by themselves.
export DOCKER_BUILDKIT=1

usage() {
    cat <<'END'
usage: build.sh [--since REVISION] [--list | --versions] [--push] [--prefix PREFIX] [--number N] [SERVICE…]

Builds the image of each service that is named, or of all. An image is PREFIX/delinkcious-SERVICE, with two tags: the
unique VERSION.N, and VERSION, which moves. VERSION is in services/SERVICE/VERSION, and from a branch has its name
behind it (0.1.4-myfeature).

  --since REVISION   only services that changed since then: themselves, their requirements, or what all share
  --list             say what would be built and why, and build nothing
  --versions         say the version of each service, as variables for compose.yaml
  --push             push what was built; the password of the registry is read from standard input; services must be
                     named, or found with --since
  --prefix PREFIX    registry and account, such as ghcr.io/me; also IMAGE_PREFIX (default: delinkcious)
  --number N         number of this build; also BUILD_NUMBER or CIRCLE_BUILD_NUM (default: 0)
  --user USER        who pushes; also REGISTRY_USER

Also from the environment: DOCKER_BUILD_ARGS, options of `docker build` for all images.
END
}

die() { echo "build.sh: $*" >&2; exit 1; }

in_repository() { git -C "$ROOT" "$@"; }

services() { (cd "$ROOT/services" && for file in */Dockerfile; do dirname "$file"; done); }

# What an image is made of, as paths; the order is that of the reasons that --list gives.
ingredients() {
    printf '%s\n' "services/$1" "requirements/$1.txt" shared proto docker/base docker/images.env .dockerignore
}

# Prints why a service is to be built, or nothing.
reason_for() {
    local since=$1 service=$2 path
    local -r but=(":(exclude)services/$service/k8s" ":(exclude,glob)**/tests/**" ":(exclude,glob)**/*.md")
    [ -n "$since" ] || { echo "asked for"; return; }
    while read -r path; do
        if ! in_repository diff --quiet "$since" -- "$path" "${but[@]}" ||
            [ -n "$(in_repository ls-files --others --exclude-standard -- "$path" "${but[@]}")" ]; then
            echo "$path changed"
            return
        fi
    done < <(ingredients "$service")
}

# The branch as a part of a version, which SemVer and registries take: nothing on the main branch and on tags.
suffix() {
    local branch name
    branch=${CIRCLE_BRANCH:-$(in_repository symbolic-ref --quiet --short HEAD || true)}
    case $branch in
        "" | "$MAIN") ;;
        *)
            name=$(tr '[:upper:]' '[:lower:]' <<<"$branch" | sed -E 's/[^a-z0-9]+/-/g; s/^-+//; s/^(.{40}).*/\1/; s/-+$//')
            [[ $name =~ [a-z] ]] || name=branch${name:+-$name}
            echo "-$name"
            ;;
    esac
}

version_of() {
    local file=$ROOT/services/$1/VERSION version
    version=$(cat "$file" 2>/dev/null) || die "services/$1/VERSION is missing"
    [[ $version =~ ^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$ ]] ||
        die "services/$1/VERSION: '$version' is not MAJOR.MINOR.PATCH"
    echo "$version$(suffix)"
}

build_base() {
    local target
    # shellcheck source=docker/images.env
    . "$ROOT/docker/images.env"
    for target in build runtime; do
        # shellcheck disable=SC2086 # several options
        docker build --quiet ${DOCKER_BUILD_ARGS:-} --build-arg "PYTHON=$PYTHON_IMAGE" --target "$target" \
            --tag "delinkcious-base:$target" "$ROOT/docker/base" >/dev/null || die "the base image could not be built (docker/base)"
    done
}

build() {
    local service=$1 version=$2 image=$3 revision created source
    revision=$(in_repository rev-parse HEAD)
    [ -z "$(in_repository status --porcelain)" ] || revision=$revision-dirty
    created=$(in_repository log -1 --format=%cI)
    source=$(in_repository remote get-url origin 2>/dev/null | sed -E 's,//[^@/]*@,//,' || true)
    # shellcheck disable=SC2086 # several options
    docker build --quiet ${DOCKER_BUILD_ARGS:-} --file "$ROOT/services/$service/Dockerfile" \
        --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
        --build-arg "CREATED=$created" --build-arg "SOURCE=${source:-unknown}" \
        --tag "$image:$version.$number" --tag "$image:$version" "$ROOT" >/dev/null ||
        die "the image of $service could not be built"
}

since="" list="" versions="" push="" chosen=()
prefix=${IMAGE_PREFIX:-delinkcious}
number=${BUILD_NUMBER:-${CIRCLE_BUILD_NUM:-0}}
user=${REGISTRY_USER:-}
while (($#)); do
    case $1 in
        --since | --prefix | --number | --user)
            (($# > 1)) || die "$1 wants a value"
            declare "${1#--}=$2"
            shift
            ;;
        --list) list=yes ;;
        --versions) versions=yes ;;
        --push) push=yes ;;
        -h | --help) usage; exit ;;
        -*) usage >&2; die "there is no option $1" ;;
        *) chosen+=("$1") ;;
    esac
    shift
done

mapfile -t known < <(services)
named=${#chosen[@]}
((named)) || chosen=("${known[@]}")
for service in "${chosen[@]}"; do
    [[ " ${known[*]} " == *" $service "* ]] || die "there is no service $service, only: ${known[*]}"
done
[[ $number =~ ^[0-9]+$ ]] || die "--number: '$number' is not a number"
[[ $prefix =~ ^[a-z0-9][a-z0-9._:/-]*$ ]] || die "--prefix: '$prefix' cannot begin the name of an image"
[ -z "$since" ] || in_repository rev-parse --quiet --verify "$since^{commit}" >/dev/null ||
    die "--since: '$since' is no revision here (is the clone shallow?)"

if [ -n "$versions" ]; then
    for service in "${chosen[@]}"; do
        version=$(version_of "$service")
        echo "${service^^}_VERSION=$version"
    done
    exit
fi

declare -A reasons=()
for service in "${chosen[@]}"; do reasons[$service]=$(reason_for "$since" "$service"); done
todo=()
for service in "${chosen[@]}"; do [ -z "${reasons[$service]}" ] || todo+=("$service"); done

[ -z "$push" ] || [ -n "$since" ] || ((named)) || die "--push: say which services, or --since which revision"

if [ -n "$list" ]; then
    for service in "${chosen[@]}"; do
        version=$(version_of "$service")
        printf '%-14s %-24s %s\n' "$service" "$version.$number" "${reasons[$service]:-nothing changed: not built}"
    done
    exit
fi
((${#todo[@]})) || { echo "nothing to build: nothing changed since $since"; exit; }
[ -z "$push" ] || [ -z "$(in_repository status --porcelain)" ] ||
    die "what is not committed is not pushed: commit or stash it first"
command -v docker >/dev/null || die "docker is not installed here"
docker info >/dev/null 2>&1 || die "no Docker engine answers: is it running, and may you use it?"
[ -z "$push" ] || "$ROOT/docker/login.sh" "$prefix" "$user"

build_base
for service in "${todo[@]}"; do
    version=$(version_of "$service")
    image=$prefix/delinkcious-${service//_/-}
    echo "building $image:$version.$number (${reasons[$service]})"
    build "$service" "$version" "$image"
    if [ -n "$push" ]; then
        for tag in "$version.$number" "$version"; do
            docker push --quiet "$image:$tag" >/dev/null || die "$image:$tag could not be pushed"
        done
        echo "pushed $image:$version.$number and $image:$version"
    fi
done
