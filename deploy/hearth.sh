#!/bin/sh
# Run a command of Hearth as its user with the settings of its units: install it as /usr/local/bin/hearth, then
# `sudo hearth status`.
set -eu
set -a
. /etc/hearth/hearth.env
set +a
cd /opt/hearth
exec runuser -u hearth -- /opt/hearth/.venv/bin/hearth "$@"
