// Package config reads the environment into one validated struct for each
// program. It reports all faults at once, and never prints secrets.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/robfig/cron/v3"
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
	// LogLevelFile is a file with a level that may change while the program runs. Empty: LogLevel stays.
	LogLevelFile string `env:"LOG_LEVEL_FILE"`
	// TraceEndpoint takes spans by OTLP over gRPC, as Google's Telemetry API does. Empty: no spans.
	TraceEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
}

const ports = "a number from 0 to 65535, 0 for any free one"

func (c Common) validate() error {
	var err error
	if c.Port < 0 || c.Port > 65535 {
		err = fmt.Errorf("PORT: %d is not a port, which is %s", c.Port, ports)
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
	// AppID is the Slack app's id, "A…". Events for other apps are ignored. Empty: not checked.
	AppID string `env:"SLACK_APP_ID"`
	Topic string `env:"USER_EVENTS_TOPIC" envDefault:"user-events"`
}

// Worker is the configuration of functions/worker.
type Worker struct {
	Common
	Database string `env:"FIRESTORE_DATABASE" envDefault:"(default)"`
	// HistoryDays is for how many days records of changes are kept. 0: there are none, and none are published.
	HistoryDays  int    `env:"HISTORY_DAYS" envDefault:"90"`
	ChangesTopic string `env:"USER_CHANGES_TOPIC" envDefault:"user-changes"`
	// ChangesValues adds the values before and after to messages of the topic.
	ChangesValues bool `env:"CHANGES_VALUES"`
	// PushAudience and PushServiceAccount are those of the subscription's token. Empty: it is not checked.
	PushAudience       string `env:"PUSH_AUDIENCE"`
	PushServiceAccount string `env:"PUSH_SERVICE_ACCOUNT"`
	PushSignature      string `env:"PUSH_SIGNATURE" envDefault:"required"`
	OnCloudRun         string `env:"K_SERVICE"` // set by Cloud Run
}

// maxHistoryDays is ten years.
const maxHistoryDays = 3650

// HistoryTTL is how long records of changes are kept.
func (c Worker) HistoryTTL() time.Duration { return time.Duration(c.HistoryDays) * 24 * time.Hour }

// SignatureRemoved reports whether Cloud Run checks the token's signature and removes it.
func (c Worker) SignatureRemoved() bool { return c.PushSignature == "removed-by-cloud-run" }

func (c Worker) validate() error {
	err := c.Common.validate()
	if (c.PushAudience == "") != (c.PushServiceAccount == "") {
		err = errors.Join(err, errors.New("PUSH_AUDIENCE and PUSH_SERVICE_ACCOUNT: set both, or neither for unsigned pushes"))
	}
	if c.HistoryDays < 0 || c.HistoryDays > maxHistoryDays {
		err = errors.Join(err, fmt.Errorf("HISTORY_DAYS: %d is not between 0 and %d", c.HistoryDays, maxHistoryDays))
	}
	switch {
	case c.PushSignature != "required" && !c.SignatureRemoved():
		err = errors.Join(err, fmt.Errorf("PUSH_SIGNATURE: %q is neither required nor removed-by-cloud-run", c.PushSignature))
	case c.SignatureRemoved() && (c.OnCloudRun == "" || c.PushAudience == ""):
		err = errors.Join(err, errors.New("PUSH_SIGNATURE: removed-by-cloud-run needs Cloud Run, and PUSH_AUDIENCE with PUSH_SERVICE_ACCOUNT"))
	}
	return err
}

// UI is the configuration of functions/ui.
type UI struct {
	Common
	Database             string  `env:"FIRESTORE_DATABASE" envDefault:"(default)"`
	Auth                 string  `env:"AUTH" envDefault:"iap"`
	IAPAudience          string  `env:"IAP_AUDIENCE"`
	AllowUnauthenticated bool    `env:"ALLOW_UNAUTHENTICATED"`
	SyncJob              string  `env:"SYNC_JOB"`                 // of Cloud Run: projects/…/locations/…/jobs/…; empty: no "Sync now"
	SyncSchedule         Cron    `env:"SYNC_SCHEDULE"`            // when full syncs start, in UTC; empty: unknown
	DeadLetters          string  `env:"DEAD_LETTER_SUBSCRIPTION"` // empty: not counted
	Viewers              Viewers `env:"VIEWERS"`                  // empty: everybody whom IAP lets in sees every workspace
	AuditHashKey         Secret  `env:"AUDIT_HASH_KEY"`           // empty: each process makes its own
	OnCloudRun           string  `env:"K_SERVICE"`                // set by Cloud Run, where the ui listens on all interfaces
}

// Cron is a schedule in the notation of cron, in UTC: "7 */2 * * *".
type Cron struct{ cron.Schedule }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Cron) UnmarshalText(text []byte) (err error) {
	if len(text) > 0 {
		c.Schedule, err = cron.ParseStandard("TZ=UTC " + string(text))
	}
	return err
}

// Viewers says who sees which workspace: "T0ONE=ada@example.com,@example.com; *=boss@example.com".
type Viewers map[string][]string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (v *Viewers) UnmarshalText(text []byte) error {
	all := Viewers{}
	for part := range strings.SplitSeq(string(text), ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		team, who, _ := strings.Cut(part, "=")
		if team = strings.TrimSpace(team); !viewedTeam.MatchString(team) || all[team] != nil {
			return fmt.Errorf("%q is not a workspace id, or is given twice: write T0ONE=ada@example.com,@example.com; *=boss@example.com", team)
		}
		for one := range strings.SplitSeq(who, ",") {
			if one = strings.TrimSpace(one); !viewerPattern.MatchString(one) {
				return fmt.Errorf("%s: %q is neither an e-mail address nor a domain such as @example.com", team, one)
			}
			all[team] = append(all[team], one)
		}
	}
	if len(all) > 0 {
		*v = all
	}
	return nil
}

var (
	viewedTeam    = regexp.MustCompile(`^(\*|[A-Z0-9]+)$`)
	viewerPattern = regexp.MustCompile(`^[^@\s]*@[^@\s]+$`)
)

// minAuditHashKey keeps anybody from finding names by trying keys.
const minAuditHashKey = 32

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
		if len(c.Viewers) > 0 {
			err = errors.Join(err, errors.New("VIEWERS: needs AUTH=iap, which identifies the viewer"))
		}
	default:
		err = errors.Join(err, fmt.Errorf("AUTH: %q is neither iap nor none", c.Auth))
	}
	err = errors.Join(err, validateAuditHashKey(c.AuditHashKey))
	if c.SyncJob != "" && !jobName.MatchString(c.SyncJob) {
		err = errors.Join(err, fmt.Errorf("SYNC_JOB: %q is not projects/…/locations/…/jobs/…", c.SyncJob))
	}
	return err
}

var jobName = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/jobs/[^/]+$`)

func validateAuditHashKey(key Secret) error {
	if n := len(key); n > 0 && n < minAuditHashKey {
		return fmt.Errorf("AUDIT_HASH_KEY: %d bytes, at least %d are needed", n, minAuditHashKey)
	}
	return nil
}

// API is the configuration of functions/api.
type API struct {
	Common
	Database string `env:"FIRESTORE_DATABASE" envDefault:"(default)"`
	// TokenDatabase has only the tokens, so that restoring the directory does not revive revoked ones.
	TokenDatabase string `env:"API_DATABASE" envDefault:"rollcall-api"`
	// Rate is how many requests a second each token may make, by each instance's own count.
	Rate         int    `env:"API_RATE" envDefault:"20"`
	AuditHashKey Secret `env:"AUDIT_HASH_KEY"` // empty: each process makes its own
}

// maxRate is more than an instance can serve.
const maxRate = 10_000

func (c API) validate() error {
	err := errors.Join(c.Common.validate(), validateAuditHashKey(c.AuditHashKey))
	if c.Rate < 1 || c.Rate > maxRate {
		err = errors.Join(err, fmt.Errorf("API_RATE: %d is not between 1 and %d", c.Rate, maxRate))
	}
	return err
}

// FullSync is the configuration of functions/fullsync.
type FullSync struct {
	Common
	Topic     string   `env:"USER_EVENTS_TOPIC" envDefault:"user-events"`
	Database  string   `env:"FIRESTORE_DATABASE" envDefault:"(default)"`
	BotTokens []Secret `env:"SLACK_BOT_TOKENS,required,notEmpty"`
	APIURL    string   `env:"SLACK_API_URL" envDefault:"https://slack.com/api/"`
}

func (c FullSync) validate() error {
	return errors.Join(c.Common.validate(), validateTokens(c.BotTokens), validateAPIURL(c.APIURL))
}

// Operator is the configuration of functions/rollcallctl.
type Operator struct {
	Project  string `env:"GOOGLE_CLOUD_PROJECT,required,notEmpty"`
	Topic    string `env:"USER_EVENTS_TOPIC" envDefault:"user-events"`
	Parking  string `env:"DEAD_LETTER_SUBSCRIPTION" envDefault:"user-events-dead-parked"`
	Database string `env:"FIRESTORE_DATABASE" envDefault:"(default)"`
	// TokenDatabase is the one of [API].
	TokenDatabase string `env:"API_DATABASE" envDefault:"rollcall-api"`
}

func (Operator) validate() error { return nil }

// SmokeTest is the configuration of rollcallctl smoke.
type SmokeTest struct {
	Operator
	SigningSecret Secret `env:"SLACK_SIGNING_SECRET,required,notEmpty"`
}

func validateTokens(tokens []Secret) error {
	if slices.Contains(tokens, "") {
		return errors.New("SLACK_BOT_TOKENS: holds an empty token")
	}
	return nil
}

// validateAPIURL keeps tokens from being sent without TLS, except to this machine.
func validateAPIURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return errors.New("SLACK_API_URL: must begin with https://, or with http:// and a loopback address")
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
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
	return errors.Join(err, validateTokens(c.BotTokens), validateAPIURL(c.APIURL))
}

// parsers replace those of the library, whose errors are strconv's.
var parsers = map[reflect.Type]env.ParserFunc{
	reflect.TypeFor[int](): func(text string) (any, error) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
		return n, nil
	},
	reflect.TypeFor[bool](): func(text string) (any, error) {
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", text)
		}
		return b, nil
	},
}

// describe names the variable that the library's error is about, where that names a field of the struct.
func describe(of reflect.Type, err error) string {
	wrong, ok := errors.AsType[env.ParseError](err)
	if !ok {
		return err.Error()
	}
	field, ok := of.FieldByName(wrong.Name)
	if !ok {
		return err.Error()
	}
	name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
	switch {
	case name == "PORT":
		return fmt.Sprintf("PORT: %v: a port is %s", wrong.Err, ports)
	case field.Type == reflect.TypeFor[slog.Level](): // the library prefers its own method to a parser
		return name + ": must be DEBUG, INFO, WARN or ERROR"
	}
	return fmt.Sprintf("%s: %v", name, wrong.Err)
}

// Load reads environ, as returned by [os.Environ]. Its error names
// every faulty variable, one on each line.
func Load[T interface{ validate() error }](environ []string) (T, error) {
	c, err := env.ParseAsWithOptions[T](env.Options{Environment: env.ToMap(environ), FuncMap: parsers})
	var faults []string
	if all, ok := errors.AsType[env.AggregateError](err); ok {
		for _, e := range all.Errors {
			faults = append(faults, describe(reflect.TypeFor[T](), e))
		}
	} else if err != nil {
		faults = append(faults, err.Error())
	}
	if err := c.validate(); err != nil {
		for fault := range strings.SplitSeq(err.Error(), "\n") {
			name, _, _ := strings.Cut(fault, ":")
			if !slices.ContainsFunc(faults, func(told string) bool { return strings.HasPrefix(told, name+":") }) { // what cannot be parsed is 0
				faults = append(faults, fault)
			}
		}
	}
	if len(faults) > 0 {
		var none T
		return none, fmt.Errorf("configuration:\n  %s", strings.Join(faults, "\n  "))
	}
	return c, nil
}
