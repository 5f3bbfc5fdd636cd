package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/felixge/httpsnoop"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/oauth"

	"rollcall/internal/config"
)

// googleTelemetry is the host of Google's Telemetry API, which takes spans for Cloud Trace
// (Google's page "Migrate from the Trace exporter to the OTLP endpoint").
const googleTelemetry = "telemetry.googleapis.com"

// exportTimeout bounds the export of the last spans. Drain and export together take less than the
// time that Cloud Run grants for a stop.
const exportTimeout = 1500 * time.Millisecond

// StartTracing exports spans to c's OTLP endpoint until stop is called, which exports the
// last ones. Without an endpoint there are no spans, and a request keeps the trace that it came
// with. OTEL_TRACES_SAMPLER says how many spans are sampled. By default the caller decides: on
// Cloud Run that is Google.
func StartTracing(ctx context.Context, name string, c config.Common, log *slog.Logger) (stop func(), err error) {
	if c.TraceEndpoint == "" {
		return func() {}, nil
	}
	endpoint, err := url.Parse(c.TraceEndpoint)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	options := []otlptracegrpc.Option{otlptracegrpc.WithEndpointURL(c.TraceEndpoint)}
	if endpoint.Hostname() == googleTelemetry {
		identity, err := oauth.NewApplicationDefault(ctx, "https://www.googleapis.com/auth/trace.append")
		if err != nil {
			return nil, fmt.Errorf("tracing: %w", err)
		}
		options = append(options,
			otlptracegrpc.WithTLSCredentials(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})),
			otlptracegrpc.WithDialOption(grpc.WithPerRPCCredentials(identity)))
	}
	exporter, err := otlptracegrpc.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	about, err := resource.New(ctx, resource.WithFromEnv(), resource.WithAttributes(
		semconv.ServiceName("rollcall-"+name),
		semconv.ServiceVersion(os.Getenv("K_REVISION")),
		attribute.String("gcp.project_id", c.Project)))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	otel.SetTracerProvider(provider)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.WarnContext(ctx, "spans not exported", "error", err) }))
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.WarnContext(ctx, "last spans not exported", "error", err)
		}
	}, nil
}

var tracer = otel.Tracer("rollcall/internal/service")

// Traced wraps each request in a span, as a child of the span that the request names. Use it only for
// authenticated requests: whoever names a span also decides whether it is sampled.
func Traced(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := StartSpan(r.Context(), r)
		r = r.WithContext(ctx)
		if !span.IsRecording() {
			h.ServeHTTP(w, r)
			return
		}
		status := http.StatusInternalServerError // of a panic
		defer func() { EndSpan(span, status) }()
		status = httpsnoop.CaptureMetrics(h, w, r).Code
	})
}

// StartSpan begins the span of a request. The span has the request's method and, from [EndSpan], its status,
// but no path and no address: those are personal data.
func StartSpan(ctx context.Context, r *http.Request) (context.Context, trace.Span) {
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	return tracer.Start(ctx, r.Method, ofServer...)
}

var ofServer = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}

// EndSpan ends a span of [StartSpan].
func EndSpan(span trace.Span, status int) {
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
	}
	span.End()
}
