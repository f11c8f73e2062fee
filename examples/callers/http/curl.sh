#!/bin/sh
# Call one task of Hearth through its HTTP gateway with curl, and print the answer:
#
#   GATEWAY_URL=http://127.0.0.1:8080 GATEWAY_KEY=hk_… ./curl.sh [--wait SECONDS] hearth.system.ping '{"echo": "curl"}'
#
# Without --wait the answer is the task's id; with it (20 at most) what the task answers, if it ends in that time.
# Exit code: 0 done or accepted, 1 refused (do not send it again unchanged), 2 wrong use, 3 try again later.
set -eu

fail() {
  echo "$2" >&2
  exit "$1"
}

query=
if [ "${1:-}" = --wait ]; then
  query="?wait=$2"
  shift 2
fi
[ $# -ge 1 ] && [ $# -le 2 ] || fail 2 "usage: GATEWAY_URL=… GATEWAY_KEY=hk_… $0 [--wait SECONDS] TASK [ARGUMENTS]"
command -v curl >/dev/null || fail 2 "install curl"
url=${GATEWAY_URL:?is the address of the gateway} key=${GATEWAY_KEY:?is a bearer key from hearth tenant key create}

# One key for all tries: however often the request comes, the task is done once. Keep it to try again tomorrow.
once=${IDEMPOTENCY_KEY:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# Key and arguments come in files and pipes, since every user of the machine can see a command line.
# --retry waits as long as Retry-After says, or 1, 2, 4 … seconds, after 429, 500, 502, 503, 504 and broken connections.
status=$(
  printf '%s' "${2:-"{}"}" | curl --config /dev/fd/3 --data-binary @- --output "$answer" \
    --silent --show-error --max-time 30 --retry 5 --retry-max-time 120 --retry-connrefused \
    --write-out '%{http_code}' "$url/v1/tasks/$1$query" 3<<HEADERS
header = "Authorization: Bearer $key"
header = "Content-Type: application/json"
header = "Idempotency-Key: $once"
HEADERS
) || fail 3 "the gateway does not answer; the task may have been accepted: try again with IDEMPOTENCY_KEY=$once"

cat "$answer"
echo
case $status in
  200 | 202) ;;
  409) fail 1 "refused: the idempotency key was used with other arguments, or the arguments contradict what is stored" ;;
  422) fail 1 "refused: correct the places named in errors" ;;
  429 | 5??) fail 3 "not now: try again later with IDEMPOTENCY_KEY=$once" ;;
  *) fail 1 "refused with status $status" ;;
esac
