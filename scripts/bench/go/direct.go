// The published HTTP test in Go's own words: a handler that answers by itself, on one core.
package main

import (
	"net/http"
	"os"
	"runtime"
)

func main() {
	runtime.GOMAXPROCS(1)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("hello\n")) })
	if err := http.ListenAndServe(os.Args[1], nil); err != nil {
		panic(err)
	}
}
