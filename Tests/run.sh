#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test, or those that the arguments choose:
#   bash Tests/run.sh --filter CommandLineTests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash Tests/install.sh
# The tests themselves keep their debug checks, without the tables for a debugger, which take a fifth of the time; the
# program that they start is the one that users run.
swift build -c release --product freshet
swift build --build-tests -debug-info-format none

# Swift's backtracer can hang over a crashed process of many threads; the message of the crash comes without it.
export SWIFT_BACKTRACE=enable=no
# What tests leave behind, and what other runs have left, must not meet.
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
output=$TMPDIR/output
status=0
swift test --no-parallel --skip-build "$@" 2>&1 | tee "$output" || status=$?
echo
# What failed comes last, where a person looks first.
grep -E '^✘ Test .* recorded an issue' "$output" || true
grep 'Test run with' "$output" | tail -n 1 || { echo "no test ran"; status=1; }
exit "$status"
