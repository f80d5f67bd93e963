#!/bin/sh
# At the first start of a database: its owner, who migrates it, and the service, who gets from `migrate` what it needs.
set -eu
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
    --set role="$SERVICE_ROLE" --set owner="${SERVICE_ROLE}_owner" \
    --set role_password="$(cat /run/secrets/service)" --set owner_password="$(cat /run/secrets/owner)" <<'END'
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"role" LOGIN PASSWORD :'role_password';
CREATE DATABASE :"role" OWNER :"owner";
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE postgres TO :"owner";
END
