package nodeagent

import (
	_ "github.com/containerd/containerd/v2/client"
	_ "github.com/containerd/containerd/v2/pkg/oci"
	_ "github.com/containernetworking/cni/libcni"
	_ "github.com/google/nftables"
	_ "github.com/nats-io/nats.go"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/vishvananda/netlink"
	_ "go.uber.org/zap"
	_ "google.golang.org/grpc/health/grpc_health_v1"
	_ "k8s.io/api/core/v1"
	_ "k8s.io/cri-streaming/pkg/streaming"
	_ "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	_ "taffrail.dev/events/fold"
)
