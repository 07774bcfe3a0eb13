#!/usr/bin/env bash
# Installs what is missing, builds everything in release configuration and runs every test, or those that the arguments
# choose:  bash Tests/run.sh --filter CommandLineTests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash Tests/install.sh
# Some tests look inside their module, which a release build allows only when asked.
swift build -c release --build-tests -Xswiftc -enable-testing

output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
swift test -c release --skip-build "$@" 2>&1 | tee "$output" || status=$?
echo
grep 'Test run with' "$output" | tail -n 1 || { echo "no test ran"; status=1; }
exit "$status"
