#!/usr/bin/env bash
# Runs the tests of every module named, then says how many packages passed and failed.
set -uo pipefail
cd "$(dirname "$0")/../.."
failed=()
for module in "$@"; do
	echo "== $module"
	(cd "$module" && go test -race -timeout 20m ./...) || failed+=("$module")
done
if [ ${#failed[@]} -gt 0 ]; then
	echo "tests failed in: ${failed[*]}"
	exit 1
fi
