#!/usr/bin/env bash
# Builds the programs that go.mod pins into the folder $1.
set -euo pipefail
out=$1
cd "$(dirname "$0")"
mkdir -p "$out"
export GOWORK=off CGO_ENABLED=0 GOFLAGS=-buildvcs=false
build() {
	echo "building $1"
	go build -trimpath -ldflags "-s -w ${ldflags:-}" -tags "no_btrfs no_devmapper no_zfs no_cri" -o "$out/" "${@:2}"
}
build "containerd and its shim" github.com/containerd/containerd/v2/cmd/containerd github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
build "CNI plugins" github.com/containernetworking/plugins/plugins/{ipam/host-local,main/bridge,main/loopback,meta/portmap}
kubernetes=$(go list -m -f '{{.Version}}' k8s.io/kubectl)
ldflags="-X k8s.io/component-base/version.gitVersion=v1.${kubernetes#v0.}" build "kubectl" ./kubectl
build "tools" honnef.co/go/tools/cmd/staticcheck google.golang.org/protobuf/cmd/protoc-gen-go
