// Bench measures a control plane behind HTTPS, fsync on, with the load on the same
// machine, and prints each figure beside the peer's published in the table of anchors.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	var o options
	flag.StringVar(&o.binary, "taffrail", "../bin/taffrail", "the binary to measure")
	flag.IntVar(&o.pods, "pods", 10000, "pods to create, get, list and delete")
	flag.IntVar(&o.restart, "restart", 100000, "objects to restart over; 0 leaves that out")
	flag.StringVar(&o.only, "only", "", "run this work only: create, patch, get, list, watch, delete, restart (create runs always)")
	flag.StringVar(&o.data, "data-dir", "", "folder for the measured instance (default: a temporary one)")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
