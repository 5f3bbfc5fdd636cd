// Package config reads the environment into one validated struct per
// deployable. All faults are reported at once, and secrets are never printed.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Secret is a string that prints as "[redacted]" wherever it is formatted, logged or encoded.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

const redacted = "[redacted]"

// String implements [fmt.Stringer].
func (s Secret) String() string { return redacted }

// GoString implements [fmt.GoStringer].
func (s Secret) GoString() string { return redacted }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Common is what every deployable reads.
type Common struct {
	Project  string     `env:"GOOGLE_CLOUD_PROJECT,required,notEmpty"`
	Port     int        `env:"PORT" envDefault:"8080"`
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"INFO"`
	// LogLevelFile holds a level that may be changed while the program runs; empty: LogLevel stays.
	LogLevelFile string `env:"LOG_LEVEL_FILE"`
	// TraceEndpoint takes spans by OTLP over gRPC, as Google's Telemetry API does; empty: none are made.
	TraceEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
}

func (c Common) validate() error {
	var err error
	if c.Port < 0 || c.Port > 65535 {
		err = fmt.Errorf("PORT: %d is not a port", c.Port)
	}
	if e, invalid := url.Parse(c.TraceEndpoint); c.TraceEndpoint != "" && (invalid != nil || e.Host == "" || e.Scheme != "http" && e.Scheme != "https") {
		err = errors.Join(err, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT: not an address that begins with http:// or https://"))
	}
	return err
}

// Webhook is the configuration of functions/webhook.
type Webhook struct {
	Common
	SigningSecret Secret `env:"SLACK_SIGNING_SECRET,required,notEmpty"`
	// AppID is the Slack app's, "A…"; events of others are ignored. Empty: not checked.
	AppID string `env:"SLACK_APP_ID"`
	Topic string `env:"USER_EVENTS_TOPIC" envDefault:"user-events"`
}

// Worker is the configuration of functions/worker.
type Worker struct {
	Common
	Database string `env:"FIRESTORE_DATABASE" envDefault:"(default)"`
}

// UI is the configuration of functions/ui.
type UI struct {
	Common
	Database             string `env:"FIRESTORE_DATABASE" envDefault:"(default)"`
	Auth                 string `env:"AUTH" envDefault:"iap"`
	IAPAudience          string `env:"IAP_AUDIENCE"`
	AllowUnauthenticated bool   `env:"ALLOW_UNAUTHENTICATED"`
	SyncJob              string `env:"SYNC_JOB"`                 // of Cloud Run: projects/…/locations/…/jobs/…; empty: no "Sync now"
	DeadLetters          string `env:"DEAD_LETTER_SUBSCRIPTION"` // empty: not counted
	OnCloudRun           string `env:"K_SERVICE"`                // set by Cloud Run, where the listener is not loopback
}

func (c UI) validate() error {
	err := c.Common.validate()
	switch c.Auth {
	case "iap":
		if c.IAPAudience == "" {
			err = errors.Join(err, errors.New("IAP_AUDIENCE: required with AUTH=iap; see Google's page \"Get the signed header audience\""))
		}
	case "none":
		if c.OnCloudRun != "" && !c.AllowUnauthenticated {
			err = errors.Join(err, errors.New("AUTH: none is refused beyond loopback unless ALLOW_UNAUTHENTICATED=true"))
		}
	default:
		err = errors.Join(err, fmt.Errorf("AUTH: %q is neither iap nor none", c.Auth))
	}
	if c.SyncJob != "" && !jobName.MatchString(c.SyncJob) {
		err = errors.Join(err, fmt.Errorf("SYNC_JOB: %q is not projects/…/locations/…/jobs/…", c.SyncJob))
	}
	return err
}

var jobName = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/jobs/[^/]+$`)

// FullSync is the configuration of functions/fullsync.
type FullSync struct {
	Common
	Topic     string   `env:"USER_EVENTS_TOPIC" envDefault:"user-events"`
	Database  string   `env:"FIRESTORE_DATABASE" envDefault:"(default)"`
	BotTokens []Secret `env:"SLACK_BOT_TOKENS,required,notEmpty"`
	APIURL    string   `env:"SLACK_API_URL" envDefault:"https://slack.com/api/"`
}

func (c FullSync) validate() error {
	return errors.Join(c.Common.validate(), validateTokens(c.BotTokens))
}

// DeadLetters is the configuration of functions/deadletters.
type DeadLetters struct {
	Common
	Topic   string `env:"USER_EVENTS_TOPIC" envDefault:"user-events"`
	Parking string `env:"DEAD_LETTER_SUBSCRIPTION" envDefault:"user-events-dead-parked"`
}

// SmokeTest is the configuration of internal/e2e/smoke.
type SmokeTest struct {
	Common
	SigningSecret Secret `env:"SLACK_SIGNING_SECRET,required,notEmpty"`
	Topic         string `env:"USER_EVENTS_TOPIC" envDefault:"user-events"`
	Database      string `env:"FIRESTORE_DATABASE" envDefault:"(default)"`
}

func validateTokens(tokens []Secret) error {
	if slices.Contains(tokens, "") {
		return errors.New("SLACK_BOT_TOKENS: holds an empty token")
	}
	return nil
}

// Local is the configuration of functions/local.
type Local struct {
	Project       string     `env:"GOOGLE_CLOUD_PROJECT" envDefault:"rollcall-local"`
	Port          int        `env:"PORT" envDefault:"8080"`
	LogLevel      slog.Level `env:"LOG_LEVEL" envDefault:"WARN"`
	Database      string     `env:"FIRESTORE_DATABASE" envDefault:"(default)"`
	BotTokens     []Secret   `env:"SLACK_BOT_TOKENS"`
	AppToken      Secret     `env:"SLACK_APP_TOKEN"`
	APIURL        string     `env:"SLACK_API_URL" envDefault:"https://slack.com/api/"`
	PubSubHost    string     `env:"PUBSUB_EMULATOR_HOST"`
	FirestoreHost string     `env:"FIRESTORE_EMULATOR_HOST"`
}

func (c Local) validate() error {
	err := Common{Port: c.Port}.validate()
	if c.AppToken != "" && len(c.BotTokens) == 0 {
		err = errors.Join(err, errors.New("SLACK_APP_TOKEN: needs SLACK_BOT_TOKENS as well, for the first load"))
	}
	if (c.PubSubHost == "") != (c.FirestoreHost == "") {
		err = errors.Join(err, errors.New("PUBSUB_EMULATOR_HOST and FIRESTORE_EMULATOR_HOST: set both, or neither for the embedded backends"))
	}
	return errors.Join(err, validateTokens(c.BotTokens))
}

// Load reads environ ("KEY=value" lines, as of [os.Environ]). Its error names
// every variable at fault, one a line.
func Load[T interface{ validate() error }](environ []string) (T, error) {
	c, err := env.ParseAsWithOptions[T](env.Options{Environment: env.ToMap(environ)})
	var faults []string
	if all, ok := errors.AsType[env.AggregateError](err); ok {
		for _, e := range all.Errors {
			faults = append(faults, e.Error())
		}
	} else if err != nil {
		faults = append(faults, err.Error())
	}
	if err := c.validate(); err != nil {
		faults = append(faults, strings.Split(err.Error(), "\n")...)
	}
	if len(faults) > 0 {
		var none T
		return none, fmt.Errorf("configuration:\n  %s", strings.Join(faults, "\n  "))
	}
	return c, nil
}
