package service

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// LoopbackHosts answers only who asks for this machine by a loopback name, whatever the port, and
// everybody else 421. A page elsewhere can give its own name our address ("DNS rebinding"), and its
// browser then takes our answers for that page's own: the Host header tells.
func LoopbackHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackHost(r.Host) {
			http.Error(w, "this address is for this machine only: ask for localhost or 127.0.0.1", http.StatusMisdirectedRequest)
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
