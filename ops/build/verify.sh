#!/usr/bin/env bash
# The checks that every commit passes: format, vet, staticcheck, the house rules,
# generated code up to date, and each module built alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
step() { printf '== %s\n' "$*"; }

step format
unformatted=$(gofmt -l "$@" ops/thirdparty)
[ -z "$unformatted" ] || { printf 'not gofmt-ed:\n%s\n' "$unformatted"; exit 1; }

step generated code
before=$(git status --porcelain; git diff | sha256sum)
ops/build/generate.sh
after=$(git status --porcelain; git diff | sha256sum)
[ "$before" = "$after" ] || { echo "make generate changed files: commit them"; git status --short; exit 1; }

# SA1019: the deprecated Endpoints are served on purpose. ST1005: users see Kubernetes' own error texts.
checks=inherit,-SA1019,-ST1005
for module in "$@"; do
	step "$module: build alone, vet, staticcheck"
	(cd "$module" && GOWORK=off go build ./... && go vet ./... && staticcheck -checks "$checks" ./...)
done

step house rules
(cd tests && go test -count=1 ./repo/...)
