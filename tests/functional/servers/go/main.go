// Command server is an ordinary net/http server, with nothing of hotupgrade in it.
//
// BEHAVIOUR chooses how it misbehaves: exit (at once), silent (never listens), down (/health never
// says UP), sick (/ready answers 503), crash (a second after it began to listen, between two
// requests), hog (eats memory without end).
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	version   = "v1" // set by -ldflags "-X main.version=..."
	behaviour = ""   // likewise
)

func main() {
	switch behaviour {
	case "exit":
		os.Exit(3)
	case "silent":
		time.Sleep(time.Hour)
	case "hog":
		go hog()
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, version) })
	http.HandleFunc("/health", health)
	http.HandleFunc("/ready", ready)
	http.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { crash() })
	http.HandleFunc("/hold", hold)
	http.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * time.Second)
		fmt.Fprintln(w, version)
	})
	serve(os.Args[1:])
}

func serve(addresses []string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{}
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		if behaviour == "crash" {
			q := &quiet{Listener: listener, inFlight: &sync.WaitGroup{}, stopped: make(chan struct{})}
			listener = q
			time.AfterFunc(time.Second, func() { q.stop(); crash() })
		}
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				log.Fatal(err)
			}
		}()
	}
	<-ctx.Done()
	_ = server.Shutdown(context.Background())
}

func health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if behaviour == "down" {
		fmt.Fprintln(w, `{"status":"DOWN"}`)
		return
	}
	fmt.Fprintln(w, `{"status":"UP"}`)
}

func ready(w http.ResponseWriter, _ *http.Request) {
	if behaviour == "sick" {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
	}
}

// crash dies of a real SIGSEGV; Go's runtime would turn a nil dereference into exit status 2.
func crash() {
	signal.Reset(syscall.SIGSEGV)
	_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
	time.Sleep(time.Second)
	os.Exit(139)
}

func hog() {
	var kept [][]byte
	for range 4096 { // 4 GiB at most
		kept = append(kept, mebibytes(1))
		time.Sleep(5 * time.Millisecond)
	}
	_ = kept
}

var held atomic.Pointer[[]byte]

// hold takes 50 MiB, as a cache would, and keeps them.
func hold(w http.ResponseWriter, _ *http.Request) {
	cache := mebibytes(50)
	held.Store(&cache)
	fmt.Fprintln(w, "held")
}

// mebibytes is memory that was written to, so that it is there.
func mebibytes(count int) []byte {
	memory := make([]byte, count<<20)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	return memory
}
