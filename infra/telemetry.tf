# Traces go to Google's Telemetry API, which stores them for Cloud Trace only if both APIs are enabled
# (Google's page "Migrate from the Trace exporter to the OTLP endpoint").
resource "google_project_service" "traces" {
  for_each           = var.tracing ? toset(["cloudtrace", "telemetry"]) : []
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

resource "google_project_iam_member" "traces" {
  for_each = var.tracing ? google_service_account.runtime : {}
  project  = var.project_id
  role     = local.writes_traces
  member   = each.value.member
}

# The log level is a mounted secret, although it is no secret: Cloud Run reads its newest version whenever the file
# is opened, so the level changes without a new revision.
resource "google_secret_manager_secret" "log_level" {
  secret_id = "${local.name}-log-level"
  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_version" "log_level" {
  secret      = google_secret_manager_secret.log_level.id
  secret_data = "INFO"
  lifecycle {
    ignore_changes = [secret_data, enabled] # whoever debugs adds later versions
  }
}

resource "google_secret_manager_secret_iam_member" "log_level" {
  for_each  = merge(google_service_account.runtime, google_service_account.builder) # a plan reads it
  secret_id = google_secret_manager_secret.log_level.id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value.member
}

locals {
  # Go collects garbage more often near its limit, which is a tenth below the one at which Cloud Run kills the instance.
  memory = { limit = "512Mi", go = "460MiB" }

  writes_traces = "roles/telemetry.tracesWriter"

  log_level_folder = "/etc/rollcall"

  # The environment of every program.
  common_env = merge(
    { GOOGLE_CLOUD_PROJECT = var.project_id, LOG_LEVEL_FILE = "${local.log_level_folder}/log-level", GOMEMLIMIT = local.memory.go },
    var.tracing ? { OTEL_EXPORTER_OTLP_ENDPOINT = "https://telemetry.googleapis.com" } : {},
  )
}
