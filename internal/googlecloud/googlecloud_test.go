package googlecloud

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"rollcall/internal/syncs"
)

const jobName = "projects/p/locations/europe-west1/jobs/fullsync"

// cloud answers for Google's services; the clients are the real ones.
type cloud struct {
	runpb.UnimplementedJobsServer
	runpb.UnimplementedExecutionsServer
	monitoringpb.UnimplementedMetricServiceServer

	executions []*runpb.Execution
	runs       []string
	filter     string
	points     []int64
	err        error
}

func (c *cloud) RunJob(_ context.Context, r *runpb.RunJobRequest) (*longrunningpb.Operation, error) {
	c.runs = append(c.runs, r.GetName())
	return &longrunningpb.Operation{Name: "operations/1"}, c.err
}

func (c *cloud) ListExecutions(_ context.Context, r *runpb.ListExecutionsRequest) (*runpb.ListExecutionsResponse, error) {
	if r.GetParent() != jobName {
		return nil, status.Error(codes.NotFound, "no such job")
	}
	return &runpb.ListExecutionsResponse{Executions: c.executions}, nil
}

func (c *cloud) ListTimeSeries(_ context.Context, r *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
	c.filter = r.GetFilter()
	answer := &monitoringpb.ListTimeSeriesResponse{}
	for _, p := range c.points {
		answer.TimeSeries = append(answer.TimeSeries, &monitoringpb.TimeSeries{Points: []*monitoringpb.Point{
			{Value: &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_Int64Value{Int64Value: p}}},
		}})
	}
	return answer, c.err
}

func serve(t *testing.T, c *cloud) []option.ClientOption {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	runpb.RegisterJobsServer(server, c)
	runpb.RegisterExecutionsServer(server, c)
	monitoringpb.RegisterMetricServiceServer(server, c)
	go server.Serve(listener) //nolint:errcheck // ends with the test
	t.Cleanup(server.Stop)
	return []option.ClientOption{option.WithEndpoint(listener.Addr().String()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))}
}

func TestJob(t *testing.T) {
	done, running := &runpb.Execution{CompletionTime: timestamppb.Now()}, &runpb.Execution{}
	for _, tt := range []struct {
		name       string
		executions []*runpb.Execution
		runs       int
		want       error
	}{
		{"never ran", nil, 1, nil},
		{"ran", []*runpb.Execution{done}, 1, nil},
		{"is running", []*runpb.Execution{running, done}, 0, syncs.ErrLeased},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &cloud{executions: tt.executions}
			job, err := OpenJob(t.Context(), jobName, serve(t, c)...)
			if err != nil {
				t.Fatal(err)
			}
			defer job.Close()
			if err := job.StartSync(t.Context()); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if len(c.runs) != tt.runs || tt.runs == 1 && c.runs[0] != jobName {
				t.Errorf("ran %v", c.runs)
			}
		})
	}
	c := &cloud{err: status.Error(codes.PermissionDenied, "no")}
	job, err := OpenJob(t.Context(), jobName, serve(t, c)...)
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	if err := job.StartSync(t.Context()); status.Code(err) != codes.PermissionDenied {
		t.Errorf("refused: %v", err)
	}
}

func TestDeadLetters(t *testing.T) {
	for _, tt := range []struct {
		points []int64
		want   int
	}{{nil, 0}, {[]int64{7}, 7}} {
		c := &cloud{points: tt.points}
		d, err := OpenDeadLetters(t.Context(), "p", "user-events-dead-parked", serve(t, c)...)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if n, err := d.Waiting(t.Context()); n != tt.want || err != nil {
			t.Errorf("%d, error %v", n, err)
		}
		if !strings.Contains(c.filter, `subscription_id = "user-events-dead-parked"`) {
			t.Errorf("filter %s", c.filter)
		}
	}
	d, err := OpenDeadLetters(t.Context(), "p", "s", serve(t, &cloud{err: status.Error(codes.PermissionDenied, "no")})...)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Waiting(t.Context()); status.Code(err) != codes.PermissionDenied {
		t.Errorf("refused: %v", err)
	}
}
