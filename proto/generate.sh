#!/usr/bin/env bash
# Generates gen/ from the .proto files. Needs protoc and protoc-gen-go on the PATH.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf gen && mkdir gen
protoc -I . --go_out=gen --go_opt=module=taffrail.dev/proto/gen event/v1/event.proto command/v1/command.proto node/v1/node.proto
