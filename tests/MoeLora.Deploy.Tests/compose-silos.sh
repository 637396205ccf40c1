#!/usr/bin/env bash
# The grid of deploy/compose.yaml without containers: three silos, PostgreSQL and Redis as plain processes, with the same configuration file, the same passwords' files, the same
# addresses, and roots that cannot be written (read-only-root.sh). Publishes and activates the demo's bundle, makes a tenant and its key, asks each silo, kills one, asks the others, and starts it again.
# Needs root and a kernel that lets it make network and mount namespaces.
#   compose-silos.sh APP WORK          APP: a published MoeLora.Silo; WORK: an empty directory. Exits 0 when all of that went well.
set -euo pipefail
app=$1 work=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deploy=$(cd "$here/../../deploy" && pwd)
net=172.31.111 bridge=moelora-t
services=$net.1 # what compose calls postgres and redis
declare -A silos=()
say() { echo "compose-silos: $1"; }
fail() {
  say "$1"
  tail -n 15 "$work"/*.log
  exit 1
}
clean() {
  trap - EXIT
  kill -9 "${silos[@]}" ${redis:-} ${postgres:-} 2> /dev/null || true
  wait 2> /dev/null || true
  for i in 1 2 3; do ip netns del "$bridge-$i" 2> /dev/null || true; done
  ip link del "$bridge" 2> /dev/null || true
}
clean
trap clean EXIT

# The network.
ip link add "$bridge" type bridge
ip addr add "$services/24" dev "$bridge"
ip link set "$bridge" up
for i in 1 2 3; do
  ip netns add "$bridge-$i"
  ip link add "$bridge-v$i" type veth peer name eth0 netns "$bridge-$i"
  ip link set "$bridge-v$i" master "$bridge" up
  ip -n "$bridge-$i" addr add "$net.1$i/24" dev eth0
  ip -n "$bridge-$i" link set eth0 up
  ip -n "$bridge-$i" link set lo up
done

# The passwords, PostgreSQL and Redis, as compose.yaml has them.
mkdir -p "$work"/{compose,config,postgres,redis}
cp "$deploy/compose/prepare.sh" "$work/compose/"
"$work/compose/prepare.sh" > "$work/prepare.log"
secrets=$work/compose/secrets
cp "$deploy/compose/silo.yaml" "$work/config/"
printf '127.0.0.1 localhost\n%s postgres redis\n' "$services" > "$work/hosts"
programs=$(dirname "$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb | tail -1)")
psql=$(command -v psql || echo "$programs/psql")
as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
cp "$secrets/postgres-password" "$work/pwfile"
chmod 755 "$work" && chmod 644 "$work/pwfile" && chown nobody "$work/postgres"
(cd / && "${as_nobody[@]}" "$programs/initdb" -D "$work/postgres/data" -U moelora --pwfile="$work/pwfile" -A scram-sha-256 -E UTF8 --locale=C --no-sync) > "$work/initdb.log" 2>&1 || fail "initdb failed"
echo "host all all $net.0/24 scram-sha-256" >> "$work/postgres/data/pg_hba.conf"
(cd / && exec "${as_nobody[@]}" "$programs/postgres" -D "$work/postgres/data" -k "$work/postgres" -c "listen_addresses=$services" -c fsync=off) > "$work/postgres.log" 2>&1 &
postgres=$!
printf 'bind %s\nrequirepass %s\ndir %s\nappendonly yes\n' "$services" "$(cat "$secrets/redis-password")" "$work/redis" | redis-server - > "$work/redis.log" 2>&1 &
redis=$!
export PGPASSWORD
PGPASSWORD=$(cat "$secrets/postgres-password")
for ((waited = 0; ; waited++)); do
  if "$psql" -q -h "$services" -U moelora postgres -c "CREATE DATABASE moelora" 2> "$work/psql.log"; then break; fi
  if [ "$waited" -ge 60 ]; then fail "PostgreSQL does not answer"; fi
  sleep 0.5
done

answers() { curl -fsS -m 30 -o /dev/null "http://$net.1$1:8081/readyz/own" 2> /dev/null; }
start() { # a silo, until it answers
  mkdir -p "$work/state-$1"
  env PASS="SILO_NAME SILO_ADDRESS" SILO_NAME="silo-$1" SILO_ADDRESS="$net.1$1" SECRETS="$secrets" HOSTS="$work/hosts" \
    ip netns exec "$bridge-$1" "$here/read-only-root.sh" "$app" "$deploy/demo/files" "$work/config" "$work/state-$1" /app/moelora-silo silo --config /etc/moelora/silo.yaml >> "$work/silo-$1.log" 2>&1 &
  silos[$1]=$!
  for ((waited = 0; ; waited++)); do
    if answers "$1"; then break; fi
    kill -0 "${silos[$1]}" 2> /dev/null || fail "silo-$1 ended"
    if [ "$waited" -ge 240 ]; then fail "silo-$1 does not answer"; fi
    sleep 0.5
  done
  say "silo-$1 answers"
}
ask() { # a silo: its answer's text and version
  curl -fsS -m 60 "http://$net.1$1:8080/v1/completions" -H "Authorization: Bearer $(cat "$work/ward-key")" -H 'Content-Type: application/json' \
    -d '{"model":"MedDG","prompt":"患者：我晕厥7天了。\n医生：有心悸吗？\n患者：有，心悸也有。","max_tokens":8,"temperature":0}' |
    grep -oE '"(text|version)":"[^"]*"' | sort | paste -sd ' '
}

for i in 1 2 3; do start "$i"; done
cp "$work/state-1/first-admin-key" "$work/key" || fail "silo-1 wrote no first admin's key"
command=("$app/moelora-silo")
to=(--node "http://$net.11:8081" --key-file "$work/key" --insecure-http)
"${command[@]}" publish "$deploy/demo/files/v1" "${to[@]}" --wait 60 > "$work/publish.log" 2>&1 || fail "publish failed"
"${command[@]}" activate demo@1 "${to[@]}" > "$work/activate.log" 2>&1 || fail "activate failed"
"${command[@]}" tenant put ward "${to[@]}" > "$work/tenant.log" 2>&1 || fail "no tenant was made"
"${command[@]}" key create ward --label test "${to[@]}" > "$work/ward-key" 2> "$work/key.log" || fail "no key was made"
for i in 1 2 3; do
  said[i]=$(ask "$i") || fail "silo-$i gave no answer"
  say "silo-$i: ${said[i]}"
  if [ -z "${said[i]}" ] || [ "${said[i]}" != "${said[1]}" ]; then fail "the silos answer differently"; fi
done

kill -9 $(ip netns pids "$bridge-1")
wait "${silos[1]}" 2> /dev/null || true
say "silo-1 is killed"
for i in 2 3; do [ "$(ask "$i")" = "${said[1]}" ] || fail "silo-$i does not answer as before"; done
start 1
[ "$(ask 1)" = "${said[1]}" ] || fail "silo-1 does not answer as before"
for i in 1 2 3; do
  kill -TERM $(ip netns pids "$bridge-$i")
  wait "${silos[$i]}" || fail "silo-$i did not end in order"
done
say "all went well"
