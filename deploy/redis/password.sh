#!/usr/bin/env bash
# Give a user of the broker a new password and print both: deploy/redis/password.sh NAME
#
# A name that users.acl does not have yet becomes a producer like `producer`. With --php it also gets what celery-php
# asks for. The broker reads the file at its start and at `ACL LOAD`.
set -euo pipefail

php=''
if [[ ${1:-} == --php ]]; then
  php=' (%W~celery-task-meta-* -@all +del) (~celery-task-meta-* -@all +exists)'
  shift
fi
[[ $# -eq 1 && $1 =~ ^[A-Za-z0-9_-]+$ ]] || { echo "usage: $0 [--php] NAME" >&2; exit 2; }
name=$1 file=${REDIS_ACL:-/etc/redis/users.acl}
password=$(openssl rand -hex 24)
digest=$(printf %s "$password" | sha256sum | cut -c1-64)

# celery-php shows a password and no name, so its user is `default`, which is off until then
[[ -z $php ]] || sed -i "/^user $name off$/d" "$file"
if ! grep -q "^user $name on #" "$file"; then
  line=$(grep "^user producer on #" "$file")
  printf '%s\n' "user $name${line#user producer}$php" >>"$file"
fi
sed -i "s/^user $name on #[^ ]*/user $name on #$digest/" "$file"
echo "$name $password"
