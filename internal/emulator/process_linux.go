package emulator

import "syscall"

// endWithParent ends the launcher if the test binary is killed.
func endWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
