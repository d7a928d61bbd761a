#!/usr/bin/env bash
# Regenerates everything generated: the wire contract, then whatever go:generate names.
set -euo pipefail
cd "$(dirname "$0")/../.."
proto/generate.sh
for module in events gateway services nodeagent ops tests; do
	(cd "$module" && go generate ./...)
done
