#!/usr/bin/env bash
# Runs each fuzz target of the modules named for the time $1.
set -euo pipefail
time=$1
shift
cd "$(dirname "$0")/../.."
grep -rE --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' "$@" | sort | while IFS=: read -r file target; do
	package=$(dirname "$file")
	target=${target#func }
	echo "== $package $target"
	(cd "$package" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" . </dev/null)
done
