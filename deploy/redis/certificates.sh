#!/usr/bin/env bash
# Make a private certificate authority, once, and a certificate of the broker for HOST: deploy/redis/certificates.sh HOST
#
# The authority's key stays in /root/hearth-ca: move it to another place. The broker and its clients get ca.crt.
set -euo pipefail

[[ $# -eq 1 && $1 =~ ^[A-Za-z0-9.-]+$ ]] || { echo "usage: $0 HOST" >&2; exit 2; }
host=$1 authority=${HEARTH_CA:-/root/hearth-ca} tls=${REDIS_TLS:-/etc/redis/tls}
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

umask 077
mkdir -p "$authority" "$tls"
cd "$authority"
if [[ ! -e ca.key ]]; then
  openssl req -x509 "${new_key[@]}" -keyout ca.key -out ca.crt -days 3650 -subj "/CN=Hearth's broker" \
    -addext "keyUsage=critical,keyCertSign,cRLSign"
fi
openssl req "${new_key[@]}" -keyout server.key -out server.csr -subj "/CN=$host"
# Python 3.13 and later ask for the key identifiers
printf '%s\n' "subjectAltName=DNS:$host" "basicConstraints=CA:FALSE" "subjectKeyIdentifier=hash" \
  "authorityKeyIdentifier=keyid" >server.ext
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile server.ext -days 825 -out server.crt
install -m 644 ca.crt server.crt "$tls"
install -m 600 server.key "$tls"
rm server.key server.csr server.ext
chmod 755 "$tls"
