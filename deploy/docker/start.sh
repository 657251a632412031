#!/bin/sh
# start.sh [OPTION...]: serves the rules of the folder $ADMIT_RULES (/rules); the options are those of `admit serve`.
set -eu
folder=$(cd "$(dirname "$0")/.." && pwd)

exec "$folder/bin/admit" serve "${ADMIT_RULES:-/rules}" "$@"
