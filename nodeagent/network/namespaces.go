package network

import "taffrail.dev/nodeagent/network/netns"

// Namespaces are the sandboxes' network namespaces, a file each under Dir.
type Namespaces = netns.Namespaces
