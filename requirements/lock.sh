#!/usr/bin/env bash
# Compiles the locked and hashed requirement files: development first (everything, one resolution),
# then one file for each service, constrained to the versions of the first.
# Options are passed on to uv, for example: requirements/lock.sh --upgrade-package flask
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-header --no-emit-package delinkcious "$@"
}
mapfile -t services < <(find services -mindepth 2 -maxdepth 2 -name pyproject.toml | sort)
compile "$@" --all-extras pyproject.toml shared/pyproject.toml "${services[@]}" \
    --output-file requirements/dev.txt
compile docker/base/build.in --constraint requirements/dev.txt --output-file docker/base/build.txt
for project in "${services[@]}"; do
    compile "$project" --constraint requirements/dev.txt \
        --output-file "requirements/$(basename "$(dirname "$project")").txt"
done
