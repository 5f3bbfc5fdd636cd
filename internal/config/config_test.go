package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoadWebhook(t *testing.T) {
	got, err := Load[Webhook]([]string{"GOOGLE_CLOUD_PROJECT=p", "SLACK_SIGNING_SECRET=s", "LOG_LEVEL=debug"})
	if err != nil {
		t.Fatal(err)
	}
	want := Webhook{Common: Common{Project: "p", Port: 8080, LogLevel: slog.LevelDebug}, SigningSecret: "s", Topic: "user-events"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryFaultAtOnce(t *testing.T) {
	_, err := Load[Webhook]([]string{"PORT=http", "LOG_LEVEL=loud", "SLACK_SIGNING_SECRET="})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"GOOGLE_CLOUD_PROJECT", "SLACK_SIGNING_SECRET", "PORT", "LOG_LEVEL"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %q", want, err)
		}
	}
}

func TestValidate(t *testing.T) {
	load := func(kind string, environ ...string) error {
		environ = append(environ, "GOOGLE_CLOUD_PROJECT=p")
		var err error
		switch kind {
		case "ui":
			_, err = Load[UI](environ)
		case "api":
			_, err = Load[API](environ)
		case "local":
			_, err = Load[Local](environ)
		case "worker":
			_, err = Load[Worker](environ)
		case "fullsync":
			_, err = Load[FullSync](environ)
		}
		return err
	}
	tests := []struct {
		kind    string
		environ []string
		want    string // in the error; empty for none
	}{
		{"ui", nil, "IAP_AUDIENCE"},
		{"ui", []string{"IAP_AUDIENCE=/projects/1/a"}, ""},
		{"ui", []string{"AUTH=none"}, ""},
		{"ui", []string{"AUTH=basic"}, "AUTH"},
		{"ui", []string{"AUTH=none", "VIEWERS=T1=a@example.com"}, "VIEWERS"},
		{"ui", []string{"IAP_AUDIENCE=a", "VIEWERS=T1"}, "T1"},
		{"ui", []string{"IAP_AUDIENCE=a", "VIEWERS=T1=ada"}, "neither an e-mail address"},
		{"ui", []string{"IAP_AUDIENCE=a", "VIEWERS=T1=a@example.com,"}, "neither an e-mail address"},
		{"ui", []string{"IAP_AUDIENCE=a", "VIEWERS=a@example.com"}, "not a workspace id"},
		{"ui", []string{"IAP_AUDIENCE=a", "VIEWERS=T1=a@example.com;T1=b@example.com"}, "given twice"},
		{"ui", []string{"IAP_AUDIENCE=a", "VIEWERS="}, ""},
		{"ui", []string{"AUTH=none", "AUDIT_HASH_KEY=short"}, "AUDIT_HASH_KEY"},
		{"ui", []string{"AUTH=none", "AUDIT_HASH_KEY=0123456789abcdef0123456789abcdef"}, ""},
		{"ui", []string{"AUTH=none", "SYNC_JOB=fullsync"}, "SYNC_JOB"},
		{"ui", []string{"AUTH=none", "SYNC_SCHEDULE=hourly"}, "SYNC_SCHEDULE"},
		{"ui", []string{"AUTH=none", "SYNC_SCHEDULE=7 */2 * * *"}, ""},
		{"ui", []string{"AUTH=none", "SYNC_JOB=projects/p/locations/europe-west1/jobs/fullsync"}, ""},
		{"ui", []string{"AUTH=none", "K_SERVICE=ui"}, "ALLOW_UNAUTHENTICATED"},
		{"ui", []string{"AUTH=none", "K_SERVICE=ui", "ALLOW_UNAUTHENTICATED=true"}, ""},
		{"api", nil, ""},
		{"api", []string{"API_RATE=0"}, "API_RATE"},
		{"api", []string{"API_RATE=10001"}, "API_RATE"},
		{"api", []string{"AUDIT_HASH_KEY=short"}, "AUDIT_HASH_KEY"},
		{"worker", []string{"PORT=70000"}, "PORT"},
		{"worker", []string{"PORT=0"}, ""},
		{"worker", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=https://telemetry.googleapis.com"}, ""},
		{"worker", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=telemetry.googleapis.com"}, "OTEL_EXPORTER_OTLP_ENDPOINT"},
		{"worker", []string{"PUSH_AUDIENCE=https://worker"}, "PUSH_SERVICE_ACCOUNT"},
		{"worker", []string{"PUSH_AUDIENCE=https://worker", "PUSH_SERVICE_ACCOUNT=push@p.iam.gserviceaccount.com"}, ""},
		{"worker", []string{"PUSH_SIGNATURE=maybe"}, "PUSH_SIGNATURE"},
		{"worker", []string{"PUSH_SIGNATURE=removed-by-cloud-run", "K_SERVICE=worker"}, "PUSH_AUDIENCE"},
		{"worker", []string{"PUSH_SIGNATURE=removed-by-cloud-run", "PUSH_AUDIENCE=a", "PUSH_SERVICE_ACCOUNT=b"}, "Cloud Run"},
		{"worker", []string{"PUSH_SIGNATURE=removed-by-cloud-run", "PUSH_AUDIENCE=a", "PUSH_SERVICE_ACCOUNT=b", "K_SERVICE=worker"}, ""},
		{"fullsync", nil, "SLACK_BOT_TOKENS"},
		{"fullsync", []string{"SLACK_BOT_TOKENS=xoxb-1,xoxb-2"}, ""},
		{"fullsync", []string{"SLACK_BOT_TOKENS=xoxb-1,"}, "empty token"},
		{"fullsync", []string{"SLACK_BOT_TOKENS=xoxb-1", "SLACK_API_URL=http://slack.com/api/"}, "SLACK_API_URL"},
		{"fullsync", []string{"SLACK_BOT_TOKENS=xoxb-1", "SLACK_API_URL=http://localhost.evil.example/api/"}, "SLACK_API_URL"},
		{"fullsync", []string{"SLACK_BOT_TOKENS=xoxb-1", "SLACK_API_URL=http://127.0.0.1@evil.example/api/"}, "SLACK_API_URL"},
		{"fullsync", []string{"SLACK_BOT_TOKENS=xoxb-1", "SLACK_API_URL=slack.com/api/"}, "SLACK_API_URL"},
		{"fullsync", []string{"SLACK_BOT_TOKENS=xoxb-1", "SLACK_API_URL=ftp://127.0.0.1/"}, "SLACK_API_URL"},
		{"fullsync", []string{"SLACK_BOT_TOKENS=xoxb-1", "SLACK_API_URL=https://slack-gov.com/api/"}, ""},
		{"fullsync", []string{"SLACK_BOT_TOKENS=xoxb-1", "SLACK_API_URL=http://127.0.0.1:8081/api/"}, ""},
		{"fullsync", []string{"SLACK_BOT_TOKENS=xoxb-1", "SLACK_API_URL=http://[::1]:8081/api/"}, ""},
		{"local", []string{"SLACK_API_URL=http://localhost:8081/api/"}, ""},
		{"local", []string{"SLACK_API_URL=http://192.168.1.1/api/"}, "SLACK_API_URL"},
		{"local", nil, ""},
		{"local", []string{"SLACK_APP_TOKEN=xapp-1"}, "SLACK_BOT_TOKENS"},
		{"local", []string{"SLACK_BOT_TOKENS=xoxb-1,"}, "empty token"},
		{"local", []string{"PUBSUB_EMULATOR_HOST=localhost:1"}, "FIRESTORE_EMULATOR_HOST"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.kind, tt.environ), func(t *testing.T) {
			err := load(tt.kind, tt.environ...)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestWrongValues: an error names the variable, quotes the value and says what it must be.
func TestWrongValues(t *testing.T) {
	for variable, want := range map[string]string{
		"PORT=abc":                      `PORT: "abc" is not a whole number: a port is a number from 0 to 65535, 0 for any free one`,
		"PORT=80.5":                     `PORT: "80.5" is not a whole number: a port is a number from 0 to 65535, 0 for any free one`,
		"PORT=-1":                       `PORT: -1 is not a port, which is a number from 0 to 65535, 0 for any free one`,
		"PORT=65536":                    `PORT: 65536 is not a port, which is a number from 0 to 65535, 0 for any free one`,
		"HISTORY_DAYS=ninety":           `HISTORY_DAYS: "ninety" is not a whole number`,
		"HISTORY_DAYS=-1":               `HISTORY_DAYS: -1 is not between 0 and 3650`,
		"CHANGES_VALUES=maybe":          `CHANGES_VALUES: "maybe" is neither true nor false`,
		"LOG_LEVEL=loud":                `LOG_LEVEL: must be DEBUG, INFO, WARN or ERROR`,
		"ALLOW_UNAUTHENTICATED=yes":     `ALLOW_UNAUTHENTICATED: "yes" is neither true nor false`,
		"API_RATE=99999999999999999999": `API_RATE: "99999999999999999999" is not a whole number`,
		"VIEWERS=T1=ada":                `VIEWERS: T1: "ada" is neither an e-mail address nor a domain such as @example.com`,
	} {
		environ := []string{"GOOGLE_CLOUD_PROJECT=p", "AUTH=none", variable}
		var err error
		switch name, _, _ := strings.Cut(variable, "="); name {
		case "ALLOW_UNAUTHENTICATED", "VIEWERS":
			_, err = Load[UI](environ)
		case "API_RATE":
			_, err = Load[API](environ)
		default:
			_, err = Load[Worker](environ)
		}
		if err == nil || strings.TrimPrefix(err.Error(), "configuration:\n  ") != want {
			t.Errorf("%s: %v, want %s", variable, err, want)
		}
	}
}

func TestViewers(t *testing.T) {
	c, err := Load[UI]([]string{"GOOGLE_CLOUD_PROJECT=p", "IAP_AUDIENCE=a", "VIEWERS=T1 = ada@example.com, @example.com;\n*=boss@example.com;"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Viewers{"T1": {"ada@example.com", "@example.com"}, "*": {"boss@example.com"}}, c.Viewers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	c := Local{BotTokens: []Secret{"xoxb-sesame"}, AppToken: "xapp-sesame"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", "config", c, "token", c.AppToken)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %q %x", c, c, c.AppToken, c.AppToken), string(encoded), log.String()} {
		if strings.Contains(s, "sesame") || strings.Contains(s, fmt.Sprintf("%x", "sesame")) {
			t.Errorf("a secret is printed: %s", s)
		}
	}
	if _, err := Load[Local]([]string{"SLACK_BOT_TOKENS=xoxb-sesame,", "PORT=x"}); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("error %v", err)
	}
	if c.AppToken.Reveal() != "xapp-sesame" {
		t.Error("Reveal does not")
	}
}
