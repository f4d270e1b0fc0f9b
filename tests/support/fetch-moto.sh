#!/usr/bin/env bash
# Downloads moto, a server that speaks S3, into node_modules/.cache, where the tests find it. Needs Python 3 with pip.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=node_modules/.cache/moto
[ -f "$target/moto/server.py" ] && exit 0

rm -rf "$target.new"
trap 'rm -rf "$target.new"' EXIT
mkdir -p "$(dirname "$target")"
timeout 300 python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-warn-conflicts --only-binary=:all: \
  --target "$target.new" 'moto[s3]==5.2.5' 'flask==3.1.3' 'flask-cors==6.0.5'
PYTHONPATH="$target.new" python3 -m moto.server --help >/dev/null
rm -rf "$target"
mv "$target.new" "$target"
