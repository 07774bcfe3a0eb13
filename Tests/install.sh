#!/usr/bin/env bash
# Installs the Debian packages that building and testing need, those that are missing only, without questions and
# without starting a service: tests start their own servers in temporary directories.
set -euo pipefail

packages=(
  mariadb-server mariadb-client libmariadb-dev libsqlite3-dev sqlite3 libzstd-dev zstd libdeflate-dev gzip pkg-config
  librdkafka-dev libpcre2-dev kcat python3 ca-certificates
)

missing=()
for package in "${packages[@]}"; do
  if ! dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then missing+=("$package"); fi
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "these packages are missing, and only root can install them: ${missing[*]}" >&2
    exit 77
  fi
  as_root=(sudo)
fi

# The packages' scripts ask this program before they start a service; 101 forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

echo "installing ${missing[*]}" >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
