package operator

import (
	"bytes"
	"strings"
	"testing"
)

// TestUsage: wrong usage exits with 2, says why and where to read more, and does nothing.
func TestUsage(t *testing.T) {
	const project = "GOOGLE_CLOUD_PROJECT=p"
	for _, tt := range []struct {
		args, environ string
		code          int
		says          string
	}{
		{"", project, 2, "which command?"},
		{"deadletters", project, 2, "rollcallctl deadletters: which command?"},
		{"deadleters list", project, 2, `"deadleters"`},
		{"deadletters drop", project, 2, `"drop"`},
		{"deadletters list all", project, 2, "takes no arguments"},
		{"deadletters list --nope", project, 2, "nope"},
		{"deadletters list --idle 0s", project, 2, "must be positive"},
		{"deadletters list --idle soon", project, 2, "idle"},
		{"deadletters list", "", 2, "GOOGLE_CLOUD_PROJECT"},
		{"people forget --user U1", project, 2, `"team" not set`},
		{"people forget --team T1", project, 2, "which people?"},
		{"people forget --team T1 --user", project, 2, "needs an argument"},
		{"people forget --team ../x U1", project, 2, "not a Slack id"},
		{"people reset --team T1 U1 ../x", project, 2, "not a Slack id"},
		{"people lift --team T1 -", project, 2, "need --yes"},
		{"workspaces purge", project, 2, `"team" not set`},
		{"smoke", project, 2, `"webhook" not set`},
		{"smoke --webhook nowhere", project, 2, "give the address"},
		{"smoke --webhook https://w/slack/events", project, 2, "SLACK_SIGNING_SECRET"},
		{"help nope", project, 2, "nope"},
		{"--help", "", 0, "deadletters"},
		{"people --help", "", 0, "forgotten"},
		{"people forget --help", "", 0, "what arrives later is not kept"},
		{"deadletters redrive -h", "", 0, "--operation"},
		{"-version", "", 0, "rollcallctl version " + version() + "\n"},
		{"completion bash", "", 0, "rollcallctl"},
		{"workspaces --generate-shell-completion", "", 0, "purge"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var out bytes.Buffer
			p := Program{In: strings.NewReader(""), Out: &out, Err: &out, Environ: []string{tt.environ}}
			code := p.Run(t.Context(), append([]string{"rollcallctl"}, strings.Fields(tt.args)...))
			if code != tt.code || !strings.Contains(out.String(), tt.says) {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, tt.code, tt.says, &out)
			}
		})
	}
}
