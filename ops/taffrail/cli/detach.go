package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"taffrail.dev/ops/taffrail/datadir"
)

// startDetached runs this very command in the background, shows its progress, and returns
// once it is ready or has failed. A running instance is fine.
func startDetached(d datadir.Dir, out io.Writer) error {
	if datadir.Running(d) != 0 {
		fmt.Fprintf(out, "taffrail is running on %s (%s)\n", d, pidOf(d))
		return nil
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(d.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	begin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	steps, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer steps.Close()
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(a string) bool { return strings.HasPrefix(a, "--detach") })
	child := exec.Command("/proc/self/exe", append(args, "--ready-fd", "3")...)
	child.Args[0] = os.Args[0]
	child.Stdout, child.Stderr, child.ExtraFiles = log, log, []*os.File{w}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	fmt.Fprintf(out, "starting taffrail on %s, logging to %s\n", d, d.LogFile())
	if err := child.Start(); err != nil {
		return err
	}
	w.Close()
	if follow(steps, out) {
		return child.Process.Release()
	}
	_ = child.Wait() // its log says why
	return errors.New("taffrail did not start:\n" + tail(d.LogFile(), begin))
}

// follow shows progress until the instance is ready (true) or gone (false).
func follow(steps io.Reader, out io.Writer) bool {
	for lines := bufio.NewScanner(steps); lines.Scan(); {
		if lines.Text() == readyLine {
			return true
		}
		fmt.Fprintln(out, lines.Text())
	}
	return false
}

// tail is what a log says from an offset on, its last lines.
func tail(path string, begin int64) string {
	text, err := os.ReadFile(path)
	if err != nil || int64(len(text)) < begin {
		return fmt.Sprint(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text[begin:])), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
