package driver

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// watchMemory returns unused memory to the system and starts watching. The function that it returns
// stops and returns the maximum that the process had.
func watchMemory() (most func() uint64) {
	debug.FreeOSMemory()
	stop, result := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		peak := memory()
		for {
			select {
			case <-tick.C:
				peak = max(peak, memory())
			case <-stop:
				result <- max(peak, memory())
				return
			}
		}
	}()
	return func() uint64 { close(stop); return <-result }
}

// memory is what the runtime has mapped and not returned.
func memory() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64() - sample[1].Value.Uint64()
}
