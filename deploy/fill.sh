#!/usr/bin/env bash
# Fill the passwords of a file of lines `name password` into a template, for each `<name>`, and print the result:
#
#   deploy/fill.sh /root/hearth-passwords deploy/systemd/hearth.env
set -euo pipefail

[[ $# -eq 2 ]] || { echo "usage: $0 PASSWORDS TEMPLATE" >&2; exit 2; }
text=$(cat "$2")
# in the shell, not by sed: every user of the machine can see the arguments of a program; the last line of a name counts
while read -r name password; do
  text=${text//"<$name>"/"$password"}
done < <(tac "$1")
printf '%s\n' "$text"
