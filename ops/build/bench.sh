#!/usr/bin/env bash
# Runs the benchmarks: the parts first, then the whole behind HTTPS.
set -euo pipefail
cd "$(dirname "$0")/../.."
for package in events/journal events/fold services/scheduler nodeagent/proxy; do
	(cd "${package%%/*}" && go test -run '^$' -bench . -benchmem "./${package#*/}/...")
done
(cd tests && go run ./bench)
