# Traces go to Google's Telemetry API, which stores them for Cloud Trace only while both APIs are on
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

# The log level is a file that Cloud Run reads anew each time it is opened, because a mounted
# secret can be changed without a new revision. It is no secret.
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
    ignore_changes = [secret_data, enabled] # later versions come from whoever looks for a fault
  }
}

resource "google_secret_manager_secret_iam_member" "log_level" {
  for_each  = merge(google_service_account.runtime, google_service_account.builder) # to plan it is to read it
  secret_id = google_secret_manager_secret.log_level.id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value.member
}

locals {
  # Go collects garbage harder when it comes near its limit, a tenth before Cloud Run ends the instance.
  memory = { limit = "512Mi", go = "460MiB" }

  writes_traces = "roles/telemetry.tracesWriter"

  log_level_folder = "/etc/rollcall"

  # What every program is told.
  common_env = merge(
    { GOOGLE_CLOUD_PROJECT = var.project_id, LOG_LEVEL_FILE = "${local.log_level_folder}/log-level", GOMEMLIMIT = local.memory.go },
    var.tracing ? { OTEL_EXPORTER_OTLP_ENDPOINT = "https://telemetry.googleapis.com" } : {},
  )
}
