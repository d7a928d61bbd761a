module taffrail.dev/tests

go 1.26.8

require (
	taffrail.dev/events v0.0.0
	taffrail.dev/gateway v0.0.0
	taffrail.dev/nodeagent v0.0.0
	taffrail.dev/ops v0.0.0
	taffrail.dev/proto v0.0.0
	taffrail.dev/services v0.0.0
)

require (
	github.com/google/go-containerregistry v0.22.1 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
	k8s.io/api v0.37.2 // indirect
	k8s.io/client-go v0.37.2 // indirect
)

replace taffrail.dev/proto => ../proto

replace taffrail.dev/events => ../events

replace taffrail.dev/gateway => ../gateway

replace taffrail.dev/services => ../services

replace taffrail.dev/nodeagent => ../nodeagent

replace taffrail.dev/ops => ../ops
