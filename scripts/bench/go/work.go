// A server as many are: it takes every request at once, holds its body in memory, works on it (gzip at its best level),
// and does not notice that whoever asked has gone.
package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
)

type count int64

func (c *count) Write(bytes []byte) (int, error) {
	*c += count(len(bytes))
	return len(bytes), nil
}

func main() {
	runtime.GOMAXPROCS(1)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var small count
		packer, _ := gzip.NewWriterLevel(&small, gzip.BestCompression)
		packer.Write(body)
		packer.Close()
		fmt.Fprintf(w, "%d\n", small)
	})
	if err := http.ListenAndServe(os.Args[1], nil); err != nil {
		panic(err)
	}
}
