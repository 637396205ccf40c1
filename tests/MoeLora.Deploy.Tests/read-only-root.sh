#!/usr/bin/env bash
# Starts a published program as its container does: its files in /app, a root that cannot be written, a user without rights, no capabilities, state and /tmp
# the only places to write. Needs root and a kernel that lets it make a mount namespace.
#   read-only-root.sh APP MODELS CONFIG STATE COMMAND...
# APP goes to /app, MODELS to /models, the directory CONFIG to /etc/moelora and STATE, which is the user's, to /var/lib/moelora. Of the environment: the directory
# SECRETS goes to /run/secrets, the file HOSTS to /etc/hosts, and the variables that PASS names are passed on.
set -euo pipefail
if [ "${INSIDE:-}" != yes ]; then
  exec env INSIDE=yes unshare --mount --propagation private "$0" "$@"
fi
app=$1 models=$2 config=$3 state=$4
shift 4
user=1654

root=$(mktemp -d)
mount -t tmpfs -o mode=0755 tmpfs "$root"
mkdir -p "$root"/{app,models,etc,etc/moelora,var/lib/moelora,tmp,proc,dev,usr}
for name in bin lib lib64 sbin; do
  if [ -L "/$name" ]; then cp -a "/$name" "$root/$name"; elif [ -d "/$name" ]; then mkdir "$root/$name" && mount --rbind "/$name" "$root/$name"; fi
done
mount --rbind /usr "$root/usr"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
for file in passwd group hosts resolv.conf ld.so.cache nsswitch.conf; do
  if [ -e "/etc/$file" ]; then cp -L "/etc/$file" "$root/etc/$file"; fi
done
if [ -n "${HOSTS:-}" ]; then cp "$HOSTS" "$root/etc/hosts"; fi
if [ -n "${SECRETS:-}" ]; then mkdir -p "$root/run/secrets" && cp "$SECRETS"/* "$root/run/secrets/"; fi
mount --bind "$app" "$root/app"
mount -o remount,bind,ro "$root/app"
mount --bind "$models" "$root/models"
mount -o remount,bind,ro "$root/models"
mount --bind "$config" "$root/etc/moelora"
mount -o remount,bind,ro "$root/etc/moelora"
chown -R "$user:$user" "$state"
mount --bind "$state" "$root/var/lib/moelora"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/tmp"
mount -o remount,ro "$root"

passed=()
for name in ${PASS:-}; do passed+=("$name=${!name}"); done
exec env -i PATH=/app:/usr/bin:/bin DOTNET_EnableDiagnostics=0 DOTNET_ROOT="${DOTNET_ROOT:-/usr/share/dotnet}" "${passed[@]}" \
  /usr/sbin/chroot "$root" /usr/bin/setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@" 2>&1
