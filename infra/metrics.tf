# Counts of the programs' log lines, one line for each request or message. Google itself measures the rest:
# latency and errors of services, and Pub/Sub.
locals {
  metrics = {
    webhook_requests = {
      description = "Requests to the webhook, by result: published, challenge, ignored, no_workspace (the event names none), other_app, app_rate_limited, refused (reason says why: signature, busy, slow, …) or not_published."
      program     = "webhook"
      condition   = "jsonPayload.result:*"
      labels      = ["result", "reason", "team_id"]
      value       = null
      unit        = "1"
    }
    messages = {
      description = "Deliveries to the worker, by outcome: created, updated, removed, unchanged; or, not applied: unknown_user, unknown_workspace (dropped), invalid, malformed, body, slow, too_large, store, publish."
      program     = "worker"
      condition   = "jsonPayload.outcome:*"
      labels      = ["outcome", "operation", "source", "team_id"]
      value       = null
      unit        = "1"
    }
    post_to_document = {
      description = "Seconds from the webhook's answer, when Pub/Sub accepts the message, to the document."
      program     = "worker"
      condition   = "jsonPayload.latency>=0"
      labels      = ["source"]
      value       = "latency"
      unit        = "s"
    }
    people_shown = {
      description = "People shown by the page and the API, by viewer: an e-mail address or a token's name."
      program     = "ui|api"
      condition   = "jsonPayload.audit=true AND jsonPayload.count>=0"
      labels      = ["viewer", "view", "team_id"]
      value       = "count"
      unit        = "1"
    }
    api_requests = {
      description = "Requests to the API, by method and token's name; refused has Slack's error code, such as invalid_auth, ratelimited or internal_error."
      program     = "api"
      condition   = "jsonPayload.api_method:*"
      labels      = ["api_method", "refused", "token"]
      value       = null
      unit        = "1"
    }
    syncs = {
      description = "Full syncs that ended, by outcome: done or failed."
      program     = "fullsync"
      condition   = "jsonPayload.outcome:*"
      labels      = ["outcome", "team_id"]
      value       = null
      unit        = "1"
    }
    disconnected = {
      description = "Full syncs that ended because Slack has disconnected the workspace."
      program     = "fullsync"
      condition   = "jsonPayload.sync_id:* AND jsonPayload.outcome=\"disconnected\""
      labels      = ["team_id"]
      value       = null
      unit        = "1"
    }
    drift = {
      description = "Users whom a full sync had to repair although events should have."
      program     = "fullsync"
      condition   = "jsonPayload.drift>=0 AND jsonPayload.outcome=\"done\""
      labels      = ["team_id"]
      value       = "drift"
      unit        = "1"
    }
  }
}

# Cloud Run's own line for a request it refused: "The request was aborted because there was no available instance."
resource "google_logging_metric" "no_instance" {
  name             = "${local.id}_no_instance"
  description      = "Requests that Cloud Run refused because all instances were busy."
  filter           = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^${local.name}-\" AND logName:\"run.googleapis.com%2Frequests\" AND textPayload:\"no available instance\""
  label_extractors = {}
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }
  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "counted" {
  for_each         = { for name, m in local.metrics : name => m if var.api || m.program != "api" }
  name             = "${local.id}_${each.key}"
  description      = each.value.description
  filter           = "resource.labels.${each.value.program == "fullsync" ? "job" : "service"}_name=~\"^${local.name}-(${each.value.program})$\" AND ${each.value.condition}"
  value_extractor  = each.value.value == null ? null : "EXTRACT(jsonPayload.${each.value.value})"
  label_extractors = { for label in each.value.labels : label => "EXTRACT(jsonPayload.${label})" }
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = each.value.value == null ? "INT64" : "DISTRIBUTION"
    unit        = each.value.unit
    dynamic "labels" {
      for_each = each.value.labels
      content {
        key = labels.value
      }
    }
  }
  dynamic "bucket_options" {
    for_each = each.value.value == null ? [] : [each.value.unit == "s" ? 0.01 : 1]
    content {
      exponential_buckets {
        num_finite_buckets = 20
        growth_factor      = 2
        scale              = bucket_options.value
      }
    }
  }
  depends_on = [google_project_service.api]
}
