// Command writer appends numbered lines to a file, each synced before it is acknowledged in
// another, until it is killed: the load of a power cut.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	data := flag.String("data", "", "the file to write to")
	acks := flag.String("acks", "", "the file to acknowledge in; it is on a machine that keeps its power")
	flag.Parse()
	if err := write(*data, *acks); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write goes on from the last number in data.
func write(data, acks string) error {
	file, err := os.OpenFile(data, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	acked, err := os.OpenFile(acks, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer acked.Close()
	next := 0
	for ; ; next++ {
		var n int
		if _, err := fmt.Fscanf(file, "%d\n", &n); err != nil || n != next {
			break
		}
	}
	fmt.Printf("%d lines are there\n", next)
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	for ; ; next++ {
		if _, err := fmt.Fprintf(file, "%d\n", next); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(acked, "%d\n", next); err != nil {
			return err
		}
	}
}
