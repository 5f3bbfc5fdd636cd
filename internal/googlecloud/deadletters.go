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

// pointsWithin is how far back a point is looked for: Pub/Sub's metrics come once a
// minute and some minutes late (Google's page "Google Cloud metrics").
const pointsWithin = 10 * time.Minute

// DeadLetters counts the messages that wait on a subscription, by Cloud
// Monitoring: Pub/Sub itself has no way to ask.
type DeadLetters struct {
	project, subscription string
	metrics               *monitoring.MetricClient
}

// OpenDeadLetters takes the ids of a project and a subscription. Its identity
// needs the role roles/monitoring.viewer.
func OpenDeadLetters(ctx context.Context, project, subscription string, options ...option.ClientOption) (*DeadLetters, error) {
	metrics, err := monitoring.NewMetricClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("open Cloud Monitoring: %w", err)
	}
	return &DeadLetters{project, subscription, metrics}, nil
}

// Waiting returns how many messages waited some minutes ago.
func (d *DeadLetters) Waiting(ctx context.Context) (int, error) {
	now := time.Now()
	series, err := d.metrics.ListTimeSeries(ctx, &monitoringpb.ListTimeSeriesRequest{
		Name: "projects/" + d.project,
		Filter: fmt.Sprintf(`metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages" AND resource.labels.subscription_id = %q`,
			d.subscription),
		Interval: &monitoringpb.TimeInterval{StartTime: timestamppb.New(now.Add(-pointsWithin)), EndTime: timestamppb.New(now)},
		View:     monitoringpb.ListTimeSeriesRequest_FULL,
	}).Next()
	if errors.Is(err, iterator.Done) { // a subscription that never had a message has no series
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("cloud monitoring: %w", err)
	}
	if len(series.GetPoints()) == 0 {
		return 0, nil
	}
	return int(series.GetPoints()[0].GetValue().GetInt64Value()), nil // the newest first
}

// Close ends the connection.
func (d *DeadLetters) Close() error { return d.metrics.Close() }
