// Goroutines runs a thousand goroutines that allocate, wait for timers and talk over channels while the
// collector runs and the scheduler preempts them.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const workers = 1000

func allocate(seed int) int {
	var chain [][]byte
	for size := 1; size < 1<<14; size *= 2 {
		block := make([]byte, size)
		block[size-1] = byte(seed)
		chain = append(chain, block)
	}
	sum := 0
	for _, block := range chain {
		sum += int(block[len(block)-1])
	}
	return sum
}

func spin(stop *atomic.Bool) (turns uint64) {
	for turns == 0 || !stop.Load() {
		turns++
	}
	return turns
}

func main() {
	runtime.GOMAXPROCS(8)
	results := make(chan int)
	var group sync.WaitGroup
	for worker := range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			time.Sleep(time.Duration(worker%20) * time.Millisecond)
			results <- allocate(worker % 7)
		}()
	}
	go func() { group.Wait(); close(results) }()
	go func() {
		for range 5 {
			runtime.GC()
		}
	}()
	count, sum := 0, 0
	for result := range results {
		count++
		sum += result
	}
	fmt.Println("workers", count, "sum", sum)

	// A ring of goroutines that hands one number round.
	first := make(chan int)
	in := first
	for range workers {
		out := make(chan int)
		go func(in, out chan int) {
			for value := range in {
				out <- value + 1
			}
			close(out)
		}(in, out)
		in = out
	}
	go func() { first <- 0; first <- 5; close(first) }()
	for value := range in {
		fmt.Println("ring", value)
	}

	// Loops without calls must be preempted by signals, or this never ends.
	var stop atomic.Bool
	turns := make(chan uint64)
	for range 16 {
		go func() { turns <- spin(&stop) }()
	}
	time.Sleep(100 * time.Millisecond)
	stop.Store(true)
	for range 16 {
		if <-turns == 0 {
			fmt.Println("a spinning goroutine never ran")
		}
	}

	var mutex sync.Mutex
	condition := sync.NewCond(&mutex)
	turn := 0
	var players sync.WaitGroup
	for player := range 10 {
		players.Add(1)
		go func() {
			defer players.Done()
			mutex.Lock()
			defer mutex.Unlock()
			for turn != player {
				condition.Wait()
			}
			turn++
			condition.Broadcast()
		}()
	}
	players.Wait()
	fmt.Println("turns", turn)

	ticker := time.NewTicker(2 * time.Millisecond)
	begin := time.Now()
	for range 20 {
		<-ticker.C
	}
	ticker.Stop()
	if took := time.Since(begin); took < 38*time.Millisecond || took > 2*time.Second {
		fmt.Println("twenty ticks took", took)
	}
	select {
	case <-time.After(20 * time.Millisecond):
		fmt.Println("timer fired")
	case <-make(chan int):
	}
	timer := time.NewTimer(time.Hour)
	fmt.Println("stopped", timer.Stop())

	// Goroutines that hold their own thread.
	var threads sync.WaitGroup
	var locked atomic.Int64
	for range 50 {
		threads.Add(1)
		go func() {
			defer threads.Done()
			runtime.LockOSThread()
			time.Sleep(5 * time.Millisecond)
			locked.Add(1) // the thread ends with its goroutine
		}()
	}
	threads.Wait()
	fmt.Println("threads", locked.Load())

	var statistics runtime.MemStats
	runtime.ReadMemStats(&statistics)
	fmt.Println("collected", statistics.NumGC >= 5, "goroutines", runtime.NumGoroutine() < 20)
	defer func() { fmt.Println("recovered:", recover()) }()
	var nothing *[4]int
	fmt.Println(nothing[len(results)])
}
