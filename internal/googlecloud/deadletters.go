package googlecloud

import (
	"context"
	"errors"
	"fmt"
	"time"

	monitoring "cloud.google.com/go/monitoring/apiv3/v2"
	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// lookBack is how far back to look for a point. Pub/Sub's metrics come once a
// minute, some minutes late (Google's page "Google Cloud metrics").
const lookBack = 10 * time.Minute

// DeadLetters counts the messages that wait on a subscription. It asks Cloud
// Monitoring, because Pub/Sub's API does not say.
type DeadLetters struct {
	project, subscription string
	metrics               *monitoring.MetricClient
}

// OpenDeadLetters takes the ids of a project and a subscription. The caller needs
// roles/monitoring.viewer.
func OpenDeadLetters(ctx context.Context, project, subscription string, options ...option.ClientOption) (*DeadLetters, error) {
	metrics, err := monitoring.NewMetricClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("open Cloud Monitoring: %w", err)
	}
	return &DeadLetters{project, subscription, metrics}, nil
}

// Waiting returns how many messages were waiting some minutes ago.
func (d *DeadLetters) Waiting(ctx context.Context) (int, error) {
	now := time.Now()
	series, err := d.metrics.ListTimeSeries(ctx, &monitoringpb.ListTimeSeriesRequest{
		Name: "projects/" + d.project,
		Filter: fmt.Sprintf(`metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages" AND resource.labels.subscription_id = %q`,
			d.subscription),
		Interval: &monitoringpb.TimeInterval{StartTime: timestamppb.New(now.Add(-lookBack)), EndTime: timestamppb.New(now)},
		View:     monitoringpb.ListTimeSeriesRequest_FULL,
	}).Next()
	if errors.Is(err, iterator.Done) { // no series until the first message
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("cloud monitoring: %w", err)
	}
	if len(series.GetPoints()) == 0 {
		return 0, nil
	}
	return int(series.GetPoints()[0].GetValue().GetInt64Value()), nil // newest first
}

// Close ends the connection.
func (d *DeadLetters) Close() error { return d.metrics.Close() }
