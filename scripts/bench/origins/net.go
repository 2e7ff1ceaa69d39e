// Go's net/http as an origin: it says what it has seen of each request. Argument: the port.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		length, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI)
		w.Header().Set("X-Body", fmt.Sprint(length))
		switch {
		case strings.HasPrefix(r.URL.Path, "/204/"):
			w.WriteHeader(204)
		case strings.HasPrefix(r.URL.Path, "/304/"):
			w.WriteHeader(304)
		default:
			io.WriteString(w, "ok\n")
		}
	}))
}
