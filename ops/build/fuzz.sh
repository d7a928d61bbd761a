#!/usr/bin/env bash
# Runs each fuzz target of the modules named for the time $1.
set -euo pipefail
time=$1
shift
cd "$(dirname "$0")/../.."
for module in "$@"; do
	grep -rlE '^func Fuzz' --include='*_test.go' "$module" | sort | while read -r file; do
		package=$(dirname "$file")
		grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | sed 's/func //' | while read -r target; do
			echo "== $package $target"
			(cd "$package" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" .)
		done
	done
done
