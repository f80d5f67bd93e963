#!/usr/bin/env bash
# Makes what compose.yaml needs and git must not have: a secret for each who enters something, in docker/.secrets, and
# .env. What is there stays, because stored data depends on it; versions and new secrets are brought up to date.
set -euo pipefail
cd "$(dirname "$0")"

# Who shares a secret with whom: all who call each other (docs/who-calls-what.md).
readonly PAIRS=(
    api-gateway:link-manager api-gateway:social-graph-manager api-gateway:user-manager api-gateway:news-manager
    api-gateway:link-checker link-manager:link-checker news-manager:social-graph-manager news-manager:link-manager
)
readonly DATABASES=(link social-graph user)
readonly SERVICES=(api-gateway link-checker link-manager news-manager social-graph-manager user-manager)

readonly NEWS_KEYS=(
    'feed:*' 'timeline:*' 'follow:*' 'following:*' 'link:*' 'event:*' 'purge:*' popular began deleted
)
readonly REDIS_COMMANDS="+@all -@admin -@dangerous -randomkey -dbsize -script +script|load +script|exists\
 +client|setname +client|setinfo"

secret() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }

# Containers read the files as other users; the folder keeps everybody else on this machine out.
umask 022
mkdir -p .secrets
chmod 700 .secrets

keep() { [ -s ".secrets/$1" ] || secret >".secrets/$1"; }
for database in "${DATABASES[@]}"; do
    keep "$database-db-admin"
    keep "$database-db-owner"
    keep "$database-db-service"
done
keep redis-news-manager
keep redis-api-gateway
for service in "${SERVICES[@]}"; do keep "nats-$service"; done
keep gateway-secret-key
if [ -n "${GITHUB_CLIENT_SECRET:-}" ]; then echo "$GITHUB_CLIENT_SECRET" >.secrets/github-client-secret; fi
keep github-client-secret

for pair in "${PAIRS[@]}"; do keep "pair-${pair%:*}--${pair#*:}"; done
for service in "${SERVICES[@]}"; do
    for pair in "${PAIRS[@]}"; do
        case $pair in
            "$service":*) peer=${pair#*:} ;;
            *:"$service") peer=${pair%:*} ;;
            *) continue ;;
        esac
        echo "$peer: \"$(cat ".secrets/pair-${pair%:*}--${pair#*:}")\""
    done >".secrets/mutual-auth-$service.yaml"
    [ -s ".secrets/mutual-auth-$service.yaml" ] || rm ".secrets/mutual-auth-$service.yaml"
done

digest() { printf %s "$(cat ".secrets/$1")" | sha256sum | cut -d' ' -f1; }
{
    echo "user default off"
    echo "user news-manager on #$(digest redis-news-manager) ${NEWS_KEYS[*]/#/\~} resetchannels &news $REDIS_COMMANDS"
    echo "user api-gateway on #$(digest redis-api-gateway) ~delinkcious-limits:* resetchannels $REDIS_COMMANDS -scan"
} >.secrets/redis.acl

{
    # Not included from there: NATS reads a file that is included by itself, without what others define.
    cat nats-permissions.conf
    echo "authorization { users: ["
    for service in "${SERVICES[@]}"; do
        echo "  { user: \"$service\", password: \"$(cat ".secrets/nats-$service")\", permissions: \$$service }"
    done
    echo "] }"
} >.secrets/nats-users.conf

# What `docker compose` reads by itself: our lines, then those of whoever runs it, which therefore count.
readonly OURS="# Written by docker/prepare.sh. What is said below the next line stays, and goes before." THEIRS="# Yours:"
touch ../.env
theirs=$(if grep -qxF "$THEIRS" ../.env; then sed "1,/^$THEIRS\$/d" ../.env; fi)
said() { grep -q "^$1=." <<<"$theirs" || [ -n "${!1:-}" ]; }
{
    echo "$OURS"
    grep -v '^#' images.env
    ../build.sh --versions
    if said GITHUB_CLIENT_ID; then
        [ -z "${GITHUB_CLIENT_ID:-}" ] || echo "GITHUB_CLIENT_ID=$GITHUB_CLIENT_ID"
    else
        # Without an application at GitHub, people log in with the local identity provider, and links to the platform's
        # own network are checked.
        # shellcheck disable=SC2016 # compose puts it in
        provider='http://identity-provider.localhost:${IDENTITY_PROVIDER_PORT:-8090}'
        echo "COMPOSE_PROFILES=local"
        echo "GITHUB_CLIENT_ID=delinkcious-local"
        echo "GITHUB_URL=$provider"
        echo "GITHUB_API_URL=$provider"
        echo "GITHUB_INSECURE=true"
        echo "LINK_CHECKER_ALLOWED_NETWORKS=172.16.0.0/12,192.168.0.0/16"
    fi
    echo "$THEIRS"
    [ -z "$theirs" ] || echo "$theirs"
} >../.env.new
mv ../.env.new ../.env
