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
outputs=$(mktemp -d)
trap 'rm -rf "$outputs"' EXIT

# Runs tests one after the other; a name for the run comes first.
run() {
  mkdir "$outputs/$1.files"
  TMPDIR=$outputs/$1.files swift test --no-parallel --skip-build --ignore-lock "${@:2}" 2>&1 | tee "$outputs/$1"
}

failed=0
if [ $# -gt 0 ]; then
  run chosen "$@" || failed=1
else
  # Tests of the whole program wait for it and for servers; the others keep a core busy meanwhile.
  run program --filter '^EndToEndTests\.' &
  run parts --skip '^EndToEndTests\.' || failed=1
  wait $! || failed=1
fi
echo
# What failed comes last, where a person looks first.
for output in "$outputs"/*; do
  [ -f "$output" ] || continue
  grep -E '^✘ Test .* recorded an issue' "$output" || true
  grep 'Test run with' "$output" | tail -n 1 || { echo "no test ran"; failed=1; }
done
exit "$failed"
