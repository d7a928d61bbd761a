package runtime

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
)

// The pause program is the first process of a shared process namespace. It ignores SIGCHLD, whereupon the
// kernel reaps every process that is left to it, and sleeps; the kernel keeps any signal
// from it that it does not handle, but SIGKILL from outside.
//
//	rt_sigaction(SIGCHLD, &{SIG_IGN}, NULL, 8); for (;;) pause();
//
// On arm64, which has no pause(2), ppoll(NULL, 0, NULL, NULL, 0) sleeps alike. The struct that is
// passed is the 32 bytes after the code: handler 1 (SIG_IGN), flags, restorer, mask all 0.
var pauseCode = map[string][]byte{
	"amd64": {
		0xb8, 0x0d, 0x00, 0x00, 0x00, // mov eax, 13 (rt_sigaction)
		0xbf, 0x11, 0x00, 0x00, 0x00, // mov edi, 17 (SIGCHLD)
		0x48, 0x8d, 0x35, 0x15, 0x00, 0x00, 0x00, // lea rsi, [rip+21] (the struct)
		0x31, 0xd2, // xor edx, edx
		0x41, 0xba, 0x08, 0x00, 0x00, 0x00, // mov r10d, 8
		0x0f, 0x05, // syscall
		0xb8, 0x22, 0x00, 0x00, 0x00, // loop: mov eax, 34 (pause)
		0x0f, 0x05, // syscall
		0xeb, 0xf7, // jmp loop
		0x0f, 0x0b, // ud2
	},
	"arm64": {
		0xc8, 0x10, 0x80, 0xd2, // mov x8, #134 (rt_sigaction)
		0x20, 0x02, 0x80, 0xd2, // mov x0, #17 (SIGCHLD)
		0x41, 0x01, 0x00, 0x10, // adr x1, #40 (the struct)
		0x02, 0x00, 0x80, 0xd2, // mov x2, #0
		0x03, 0x01, 0x80, 0xd2, // mov x3, #8
		0x01, 0x00, 0x00, 0xd4, // svc #0
		0x28, 0x09, 0x80, 0xd2, // loop: mov x8, #73 (ppoll)
		0x00, 0x00, 0x80, 0xd2, // mov x0, #0
		0x01, 0x00, 0x80, 0xd2, // mov x1, #0
		0x01, 0x00, 0x00, 0xd4, // svc #0 (x2 is still 0, x3 is not read then)
		0xfc, 0xff, 0xff, 0x17, // b loop
		0x1f, 0x20, 0x03, 0xd5, // nop
	},
}

// pauseProgram is a static ELF executable of one segment around the code.
func pauseProgram(arch string) ([]byte, error) {
	code, ok := pauseCode[arch]
	if !ok {
		return nil, fmt.Errorf("no pause program for %s", arch)
	}
	const base, head = 0x400000, 64 + 56
	machine := map[string]uint16{"amd64": 62, "arm64": 183}[arch]
	action := make([]byte, 32)
	action[0] = 1
	size := uint64(head + len(code) + len(action))
	le := binary.LittleEndian
	b := append([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, make([]byte, 9)...)
	b = le.AppendUint16(b, 2) // executable
	b = le.AppendUint16(b, machine)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, base+head) // entry
	b = le.AppendUint64(b, 64)        // program headers
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{64, 56, 1, 64, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, 1) // loadable
	b = le.AppendUint32(b, 5) // read, execute
	for _, v := range []uint64{0, base, base, size, size, 0x1000} {
		b = le.AppendUint64(b, v)
	}
	return append(append(b, code...), action...), nil
}

// pauseRoot writes the pause program's root file system below dir, once, and returns it.
func pauseRoot(dir string) (string, error) {
	program, err := pauseProgram(goruntime.GOARCH)
	if err != nil {
		return "", err
	}
	root := filepath.Join(dir, "pause")
	for _, d := range []string{"proc", "dev", "sys"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return "", err
		}
	}
	file := filepath.Join(root, "pause")
	if _, err := os.Stat(file); err == nil {
		return root, nil
	}
	if err := os.WriteFile(file+".new", program, 0o755); err != nil {
		return "", err
	}
	return root, os.Rename(file+".new", file)
}
