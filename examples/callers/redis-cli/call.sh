#!/usr/bin/env bash
# Call one task of Hearth with only redis-cli (or valkey-cli) and coreutils, and print the stored result:
#
#   REDIS_URL=redis://… ./call.sh inference hearth.system.ping '{"echo": "shell"}'
#
# Where a private authority signed the broker's certificate, the address names its file, as it does for Python:
# rediss://user:password@host:6380/0?ssl_ca_certs=/etc/hearth/ca.crt
#
# Exit code: 0 the task answered, 1 it refused, 2 wrong use, 3 no answer within 30 s.
set -euo pipefail

fail() {
  echo "$2" >&2
  exit "$1"
}

name='^[A-Za-z0-9_.]+$'
# redis[s]://user:password@host:port/database?options
address='^(rediss?)://(([^:@/]*)(:([^@/]*))?@)?([^:@/?]+)(:([0-9]+))?(/([0-9]*))?([?](.*))?$'
authority='(^|&)ssl_ca_certs=([^&]+)'

[[ $# -eq 3 ]] || fail 2 "usage: REDIS_URL=redis://… $0 QUEUE TASK KWARGS"
queue=$1 task=$2 kwargs=$3
[[ $queue =~ $name && $task =~ $name ]] || fail 2 "QUEUE and TASK are names such as inference and hearth.system.ping"
# null or a list instead of an object would be dropped without an answer
[[ $kwargs == "{"*"}" ]] || fail 2 "KWARGS is a JSON object"
[[ ${REDIS_URL:-} =~ $address ]] || fail 2 "set REDIS_URL to the address of Hearth's broker"
client=$(command -v redis-cli || command -v valkey-cli) || fail 2 "install redis-cli or valkey-cli"

# split, since every user of the machine can see a password on a command line
at=(-h "${BASH_REMATCH[6]}" -p "${BASH_REMATCH[8]:-6379}" -n "${BASH_REMATCH[10]:-0}")
[[ ${BASH_REMATCH[1]} == redis ]] || at+=(--tls)
[[ -z ${BASH_REMATCH[3]} ]] || at+=(--user "${BASH_REMATCH[3]}")
REDISCLI_AUTH=$(printf '%b' "${BASH_REMATCH[5]//%/\\x}")
[[ -z $REDISCLI_AUTH ]] || export REDISCLI_AUTH
[[ ! ${BASH_REMATCH[12]} =~ $authority ]] || at+=(--cacert "$(printf '%b' "${BASH_REMATCH[2]//%/\\x}")")

id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
body=$(printf '[[],%s,{}]' "$kwargs" | base64 | tr -d '\n')

# Celery's protocol 2. Every field is needed: without delivery_tag the message gets no answer and is quarantined.
message() {
  printf '{"body":"%s","content-encoding":"utf-8","content-type":"application/json",' "$body"
  printf '"headers":{"lang":"sh","task":"%s","id":"%s"},' "$task" "$id"
  printf '"properties":{"correlation_id":"%s","delivery_mode":2,"delivery_tag":"%s",' "$id" "$id"
  printf '"body_encoding":"base64","delivery_info":{"exchange":"","routing_key":"%s"}}}' "$queue"
}
message | "$client" "${at[@]}" -x LPUSH "$queue" >/dev/null

deadline=$((SECONDS + 30))
while ((SECONDS < deadline)); do
  answer=$("$client" "${at[@]}" GET "celery-task-meta-$id")
  case $answer in
    '{"status": "SUCCESS"'*) printf '%s\n' "$answer" && exit 0 ;;
    '{"status": "FAILURE"'* | '{"status": "REVOKED"'*) printf '%s\n' "$answer" && exit 1 ;;
  esac
  sleep 0.1 # nothing yet, or RETRY: a part of Hearth is away and the task tries again
done
fail 3 "no answer to $id within 30 s"
