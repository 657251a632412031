#!/bin/sh
# install.sh FOLDER: admit and what it needs as a virtual environment in FOLDER, from the source tree around this script.
# Nothing is compiled: every dependency comes as a wheel.
set -eu
folder=$1
source=$(cd "$(dirname "$0")/../.." && pwd)

"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$source"
"$folder/bin/python" -m pip uninstall --quiet --yes pip setuptools
