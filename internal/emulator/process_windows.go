package emulator

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

const (
	kill   = syscall.SIGKILL
	pause  = syscall.Signal(0x13)
	resume = syscall.Signal(0x12)
)

func ownGroup(*exec.Cmd) {}

// signalGroup can only kill: Windows has no signal to suspend a process.
func signalGroup(c *exec.Cmd, s syscall.Signal) error {
	if s != kill {
		return errors.ErrUnsupported
	}
	return c.Process.Signal(os.Kill)
}
