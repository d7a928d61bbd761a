#!/usr/bin/env bash
# Runs each fuzz target of the modules named for the time $1.
set -euo pipefail
time=$1
shift
cd "$(dirname "$0")/../.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT
grep -rE --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' "$@" | sort | while IFS=: read -r file target; do
	package=$(dirname "$file")
	target=${target#func }
	echo "== $package $target"
	if ! (cd "$package" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" . </dev/null) 2>&1 | tee "$out"; then
		# On a busy machine go test may call the end of its own time a failure; one that an input caused names the input.
		if grep -q 'Failing input' "$out" || ! grep -q '^    context deadline exceeded$' "$out"; then exit 1; fi
	fi
done
