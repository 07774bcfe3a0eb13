#!/usr/bin/env bash
# Installs what is missing, builds Freshet, and runs `freshet demo`; options go to the demo (see `freshet demo --help`).
set -euo pipefail
cd "$(dirname "$0")/../.."
bash Tests/install.sh
swift build -c release --product freshet >&2
exec .build/release/freshet demo "$@"
