#!/usr/bin/env bash
# Runs the benchmarks: the parts first (the journal by concurrency, folds, decisions, the
# gateway behind HTTPS, the proxy, the memory of a pod), then pods on a node, then the whole control plane beside its peer.
set -euo pipefail
cd "$(dirname "$0")/../.."
for package in events/bus events/fold services/scheduler gateway/kind gateway/access gateway/admission nodeagent/proxy; do
	(cd "${package%%/*}" && go test -run '^$' -bench . -benchmem "./${package#*/}")
done
(cd gateway && go test -run '^$' -bench HTTPS .)
(cd tests && go test -run '^$' -bench . -benchtime 1x ./footprint)
(cd tests && go test -run '^$' -bench Start/pod -benchtime 20x ./e2e && go test -run '^$' -bench Start/fifty -benchtime 1x ./e2e)
(cd tests && go run ./bench)
