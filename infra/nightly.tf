# Cloud Build runs .ci/nightly once a night. Cloud Scheduler publishes to a topic that the trigger listens to. Its service
# agent may already do that, so no identity needs the right to start builds. The tests run as the identity that can change nothing.
locals {
  nightly = var.repository == null ? toset([]) : toset(["nightly"])
}

resource "google_pubsub_topic" "nightly" {
  for_each   = local.nightly
  name       = "${local.name}-nightly"
  depends_on = [google_project_service.api]
}

resource "google_cloud_scheduler_job" "nightly" {
  for_each    = local.nightly
  name        = "${local.name}-nightly"
  region      = var.region
  description = "Starts the nightly tests."
  schedule    = "23 1 * * *" # not on the hour, when most jobs start
  time_zone   = "Etc/UTC"
  pubsub_target {
    topic_name = google_pubsub_topic.nightly[each.key].id
    data       = base64encode("nightly") # a message needs data
  }
  depends_on = [google_project_service.api]
}

resource "google_cloudbuild_trigger" "nightly" {
  for_each        = local.nightly
  name            = "${local.name}-nightly"
  location        = var.region
  service_account = google_service_account.builder["planner"].id
  pubsub_config {
    topic = google_pubsub_topic.nightly[each.key].id
  }
  source_to_build {
    repository = var.repository
    ref        = "refs/heads/main"
    repo_type  = "GITHUB"
  }
  git_file_source {
    path       = "infra/nightly.yaml"
    repository = var.repository
    revision   = "refs/heads/main"
    repo_type  = "GITHUB"
  }
  substitutions = { _BUILDER = var.builder }
}

# Cloud Build ends the log of a build that succeeded with this line.
resource "google_logging_metric" "nightly" {
  for_each    = local.nightly
  name        = "${local.id}_nightly"
  description = "Nightly tests that passed."
  filter      = "resource.type=\"build\" AND resource.labels.build_trigger_id=\"${google_cloudbuild_trigger.nightly[each.key].trigger_id}\" AND textPayload=\"DONE\""
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }
  depends_on = [google_project_service.api]
}
