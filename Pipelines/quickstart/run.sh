#!/usr/bin/env bash
# Installs what is missing, builds Freshet, and runs `freshet demo`; options go to the demo (see `freshet demo --help`).
set -euo pipefail
cd "$(dirname "$0")/../.."
missing=()
for package in mariadb-server mariadb-client libmariadb-dev libsqlite3-dev libzstd-dev libdeflate-dev pkg-config; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "installing ${missing[*]}" >&2
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi
swift build -c release --product freshet >&2
exec .build/release/freshet demo "$@"
