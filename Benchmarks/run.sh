#!/usr/bin/env bash
# Builds Freshet and measures it beside its yardsticks; options go to EndToEnd/run.py (see its --help).
set -euo pipefail
cd "$(dirname "$0")/.."
missing=()
for package in mariadb-server mariadb-client libmariadb-dev libsqlite3-dev libzstd-dev libdeflate-dev librdkafka-dev libpcre2-dev libssl-dev python3 python3-pymysql; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
fi
swift build -c release --product freshet
swift build -c release --product kafka-mock
# Debian's interpreter, for which python3-pymysql is installed.
exec /usr/bin/python3 Benchmarks/EndToEnd/run.py "$@"
