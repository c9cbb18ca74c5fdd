#!/bin/sh
# Runs the tests on the lowest versions that pyproject.toml declares, in an environment of its own.
# PYTHON names the interpreter: PYTHON=python3.13 .ci/lowest.sh. Arguments go to pytest, such as the files to run.
# Warnings are no errors here: old packages warn of what new ones have deprecated.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder"
python=$folder/bin/python
"$python" -m pip install --quiet uv
"$python" -m uv pip compile --quiet --python "$python" --only-binary :all: --resolution lowest-direct --extra dev \
    --no-header --no-annotate --output-file "$folder/lowest.txt" pyproject.toml
cat "$folder/lowest.txt"
"$python" -m uv pip install --quiet --python "$python" --only-binary :all: --requirement "$folder/lowest.txt"
"$python" -m pip install --quiet --no-deps .
"$python" -m pytest -q -n 2 --override-ini filterwarnings= "$@"
