module taffrail.dev/ops

go 1.26.8

require (
	taffrail.dev/events v0.0.0
	taffrail.dev/gateway v0.0.0
	taffrail.dev/nodeagent v0.0.0
	taffrail.dev/proto v0.0.0
	taffrail.dev/services v0.0.0
)

require (
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/google/go-containerregistry v0.22.1 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/cobra v1.10.2 // indirect
	github.com/spf13/pflag v1.0.10 // indirect
	golang.org/x/sync v0.24.0 // indirect
	k8s.io/api v0.37.2 // indirect
	k8s.io/klog/v2 v2.140.0 // indirect
	k8s.io/kubectl v0.37.2 // indirect
)

replace taffrail.dev/proto => ../proto

replace taffrail.dev/events => ../events

replace taffrail.dev/gateway => ../gateway

replace taffrail.dev/services => ../services

replace taffrail.dev/nodeagent => ../nodeagent
