// Package googlecloud starts the full sync's job and counts dead letters, for the status page.
package googlecloud

import (
	"context"
	"errors"
	"fmt"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"rollcall/internal/syncs"
)

// Job is a Cloud Run job (Google's page "Execute jobs").
type Job struct {
	name       string // projects/…/locations/…/jobs/…
	jobs       *run.JobsClient
	executions *run.ExecutionsClient
}

// OpenJob takes the job's full name. The caller needs roles/run.invoker and
// roles/run.viewer on the job.
func OpenJob(ctx context.Context, name string, options ...option.ClientOption) (*Job, error) {
	jobs, err := run.NewJobsClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("open the Cloud Run jobs: %w", err)
	}
	executions, err := run.NewExecutionsClient(ctx, options...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the Cloud Run executions: %w", err), jobs.Close())
	}
	return &Job{name, jobs, executions}, nil
}

// StartSync starts the job. If it is running, the error is [syncs.ErrLeased].
func (j *Job) StartSync(ctx context.Context) error {
	newest, err := j.executions.ListExecutions(ctx, &runpb.ListExecutionsRequest{Parent: j.name, PageSize: 1}).Next()
	if err != nil && !errors.Is(err, iterator.Done) {
		return fmt.Errorf("list executions: %w", err)
	}
	if err == nil && newest.GetCompletionTime() == nil {
		return syncs.ErrLeased
	}
	if _, err := j.jobs.RunJob(ctx, &runpb.RunJobRequest{Name: j.name}); err != nil {
		return fmt.Errorf("run the job: %w", err)
	}
	return nil
}

// Close ends the connections.
func (j *Job) Close() error { return errors.Join(j.jobs.Close(), j.executions.Close()) }
