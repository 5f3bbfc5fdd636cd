package local

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

var tokenLine = regexp.MustCompile(`(?m)^Slack's Web API, read from the copy, is at (http://\S+/api/) with the token (rct_\w+)$`)

// TestAPI: slack-go reads the copy with nothing but the address and the token that are printed.
func TestAPI(t *testing.T) {
	r := start(t, Options{ChangeInterval: time.Hour})
	r.address(t)
	found := tokenLine.FindStringSubmatch(r.out.String())
	if found == nil {
		eventually(t, patience, "the token is printed", func() bool {
			found = tokenLine.FindStringSubmatch(r.out.String())
			return found != nil
		})
	}
	client := slack.New(found[2], slack.OptionAPIURL(found[1]))
	people := 0
	eventually(t, patience, "everybody is there", func() bool {
		users, err := client.GetUsersContext(t.Context())
		people = len(users)
		return err == nil && people == 250
	})
	for _, path := range []string{"/api", "/api//users.list", "/api/../api/users.list"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.address(t)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
	}
}
