package service

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// LoopbackHosts passes on requests whose Host is a loopback name, on any port, and answers all
// others 421. Otherwise a website whose name resolves to our address ("DNS rebinding") could read
// our answers in its visitor's browser.
func LoopbackHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackHost(r.Host) {
			http.Error(w, "only this machine may use this address: use localhost or 127.0.0.1", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func loopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil { // no port
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	ip, err := netip.ParseAddr(name)
	return strings.EqualFold(name, "localhost") || err == nil && ip.IsLoopback()
}
