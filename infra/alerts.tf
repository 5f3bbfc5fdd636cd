# Asks from outside whether a service answers. The page has no check, because it would redirect the check to sign in.
# An internal API has none, because it cannot be reached.
resource "google_monitoring_uptime_check_config" "service" {
  for_each     = toset(concat(["webhook"], local.api_outside ? ["api"] : []))
  display_name = "${local.title} ${each.key}"
  period       = "60s"
  timeout      = "10s"
  http_check {
    path         = "/health"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }
  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project_id, host = trimprefix(local.url[each.key], "https://") }
  }
  depends_on = [google_cloud_run_v2_service.service] # it could not answer before
}

moved {
  from = google_monitoring_uptime_check_config.webhook
  to   = google_monitoring_uptime_check_config.service["webhook"]
}

locals {
  sync_window_minutes = 60 * var.sync_every_hours + 15

  notification_channels = concat([for c in google_monitoring_notification_channel.email : c.id], sort(var.alert_channels))
  playbooks             = var.repository_url == null ? null : "${trimsuffix(var.repository_url, "/")}/blob/main/infra/playbooks"

  api_outside = var.api && var.api_ingress == "all"

  requests = "run_googleapis_com:request_count"
  executed = "run_googleapis_com:job_completed_execution_count"

  unreachable = { for name, check in google_monitoring_uptime_check_config.service :
    name => "avg(monitoring_googleapis_com:uptime_check_check_passed{monitored_resource=\"uptime_url\",check_id=\"${check.uptime_check_id}\"}) < 0.5"
  }

  # In the PromQL name of a metric (Google's page "PromQL for Cloud Monitoring metrics") the first slash
  # becomes a colon and everything else an underscore. A series without a value does not exist, so
  # alerts on what is *missing* compare with vector(0).
  alerts = merge(local.nightly_alerts, local.change_alerts, local.api_alerts, local.api_down, {
    DeadLetters = {
      summary  = "Messages could not be applied and wait as dead letters"
      severity = "ERROR"
      for      = "0s"
      query    = "max(pubsub_googleapis_com:subscription_num_undelivered_messages{monitored_resource=\"pubsub_subscription\",subscription_id=\"${google_pubsub_subscription.parked.name}\"}) > 0"
    }
    OldestUnackedMessage = {
      summary  = "The worker has not kept up for ten minutes"
      severity = "ERROR"
      for      = "300s"
      query    = "max(pubsub_googleapis_com:subscription_oldest_unacked_message_age{monitored_resource=\"pubsub_subscription\",subscription_id=\"${google_pubsub_subscription.worker.name}\"}) > 600"
    }
    WebhookDown = {
      summary  = "The webhook does not answer from outside"
      severity = "CRITICAL"
      for      = "180s"
      query    = local.unreachable["webhook"]
    }
    SignatureFailures = {
      summary  = "Many requests to the webhook are not signed by Slack"
      severity = "WARNING"
      for      = "0s"
      query    = "sum(increase(${local.requests}{monitored_resource=\"cloud_run_revision\",service_name=\"${local.name}-webhook\",response_code=\"401\"}[15m])) > 50"
    }
    BodiesRefused = {
      summary  = "The webhook refuses requests: too many bodies at once, or too slow ones"
      severity = "ERROR"
      for      = "0s"
      query    = "sum(increase(logging_googleapis_com:user_${local.id}_webhook_requests{monitored_resource=\"cloud_run_revision\",result=\"refused\",reason=~\"busy|slow\"}[15m])) > 50"
    }
    AppRateLimited = {
      summary  = "Slack drops a workspace's events"
      severity = "WARNING"
      for      = "0s"
      query    = "sum by (team_id) (increase(logging_googleapis_com:user_${local.id}_webhook_requests{monitored_resource=\"cloud_run_revision\",result=\"app_rate_limited\"}[10m])) > 0"
    }
    FullSyncFailed = {
      summary  = "A full sync failed, including all its retries"
      severity = "ERROR"
      for      = "0s"
      query    = "sum(increase(${local.executed}{monitored_resource=\"cloud_run_job\",job_name=\"${local.name}-fullsync\",result=\"failed\"}[15m])) > 0"
    }
    # Half of the time is in the query and half in the condition, so a new installation also has two intervals.
    FullSyncMissing = {
      summary  = "No full sync has succeeded for two intervals"
      severity = "ERROR"
      for      = "${60 * local.sync_window_minutes}s"
      query    = "(sum(increase(${local.executed}{monitored_resource=\"cloud_run_job\",job_name=\"${local.name}-fullsync\",result=\"succeeded\"}[${local.sync_window_minutes}m])) or vector(0)) < 0.5"
    }
    # Cloud Run refuses with 429 when no instance is free and none may be added (Google's page "Troubleshoot Cloud Run").
    NoInstance = {
      summary  = "Cloud Run refused requests because all instances were busy"
      severity = "ERROR"
      for      = "0s"
      query    = "sum by (service_name) (increase(logging_googleapis_com:user_${local.id}_no_instance{monitored_resource=\"cloud_run_revision\"}[10m])) > 0"
    }
    Drift = {
      summary  = "A full sync had to repair more than ${var.drift_threshold} users: events are being lost"
      severity = "WARNING"
      for      = "0s"
      query    = "sum by (team_id) (increase(logging_googleapis_com:user_${local.id}_drift_sum{monitored_resource=\"cloud_run_job\"}[${60 * var.sync_every_hours}m])) > ${var.drift_threshold}"
    }
    WorkspaceDisconnected = {
      summary  = "Slack has disconnected a workspace: the app was uninstalled or its token revoked"
      severity = "WARNING"
      for      = "0s"
      query    = "sum by (team_id) (increase(logging_googleapis_com:user_${local.id}_disconnected{monitored_resource=\"cloud_run_job\"}[${60 * var.sync_every_hours + 15}m]) or increase(logging_googleapis_com:user_${local.id}_messages{monitored_resource=\"cloud_run_revision\",operation=\"disconnect\",outcome=~\"created|updated|disconnected\"}[15m])) > 0"
    }
    UIErrors = {
      summary  = "The page answers 5xx"
      severity = "ERROR"
      for      = "0s"
      query    = "sum(increase(${local.requests}{monitored_resource=\"cloud_run_revision\",service_name=\"${local.name}-ui\",response_code_class=\"5xx\"}[10m])) > 5"
    }
    FirestoreErrors = {
      summary  = "Firestore refuses or fails calls"
      severity = "ERROR"
      for      = "300s"
      query    = "sum(increase(serviceruntime_googleapis_com:api_request_count{monitored_resource=\"consumed_api\",service=\"firestore.googleapis.com\",response_code=~\"403|429|5..\"}[10m])) > 10"
    }
  })

  # Only with subscribers.
  subscriber_ids = "${google_pubsub_topic.user_changes.name}-(${join("|", sort(keys(local.subscribers)))})"
  change_alerts = { for name, alert in {
    ChangesBehind = {
      summary  = "A subscriber of user-changes has not kept up for an hour"
      severity = "WARNING"
      for      = "300s"
      query    = "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{monitored_resource=\"pubsub_subscription\",subscription_id=~\"${local.subscriber_ids}\"}) > 3600"
    }
    ChangesUndelivered = {
      summary  = "Changes could not be delivered to a subscriber and wait as dead letters"
      severity = "WARNING"
      for      = "0s"
      query    = "max by (subscription_id) (pubsub_googleapis_com:subscription_num_undelivered_messages{monitored_resource=\"pubsub_subscription\",subscription_id=~\"${local.subscriber_ids}-dead-parked\"}) > 0"
    }
  } : name => alert if length(local.subscribers) > 0 }

  # The API answers errors with 200, as Slack does, so only its log lines have them. 5xx come from the server itself.
  api_alerts = { for name, alert in {
    APIErrors = {
      summary  = "The API fails requests"
      severity = "ERROR"
      for      = "0s"
      query    = "sum(increase(logging_googleapis_com:user_${local.id}_api_requests{monitored_resource=\"cloud_run_revision\",refused=\"internal_error\"}[10m]) or increase(${local.requests}{monitored_resource=\"cloud_run_revision\",service_name=\"${local.name}-api\",response_code_class=\"5xx\"}[10m])) > 5"
    }
    APIRefusedTokens = {
      summary  = "Many requests to the API have a token that is unknown, revoked or expired"
      severity = "WARNING"
      for      = "0s"
      query    = "sum by (refused) (increase(logging_googleapis_com:user_${local.id}_api_requests{monitored_resource=\"cloud_run_revision\",refused=~\"invalid_auth|token_revoked|token_expired\"}[15m])) > 50"
    }
    APILatency = {
      summary  = "One in twenty of the API's answers takes more than five seconds"
      severity = "WARNING"
      for      = "600s"
      query    = "histogram_quantile(0.95, sum by (le) (rate(run_googleapis_com:request_latencies_bucket{monitored_resource=\"cloud_run_revision\",service_name=\"${local.name}-api\"}[10m]))) > 5000"
    }
  } : name => alert if var.api }
  api_down = { for name in local.api : "APIDown" => {
    summary  = "The API does not answer from outside"
    severity = "ERROR"
    for      = "180s"
    query    = local.unreachable[name]
  } if local.api_outside }

  # One night in the query and one in the condition, as for FullSyncMissing.
  nightly_alerts = { for name in local.nightly : "NightlyTests" => {
    summary  = "The nightly tests have not passed for two days"
    severity = "WARNING"
    for      = "84600s"
    query    = "(sum(increase(logging_googleapis_com:user_${local.id}_nightly{monitored_resource=\"build\"}[24h])) or vector(0)) < 0.5"
  } }
}

resource "google_monitoring_notification_channel" "email" {
  for_each     = var.alert_emails
  display_name = "${local.title}: ${each.key}"
  type         = "email"
  labels       = { email_address = each.value }
  force_delete = true # policies refer to it, so an address could not be removed otherwise
  depends_on   = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "alert" {
  for_each              = local.alerts
  display_name          = "${local.title}/${each.key}"
  severity              = each.value.severity
  combiner              = "OR"
  notification_channels = local.notification_channels

  conditions {
    display_name = each.value.summary
    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.for
      evaluation_interval = "60s"
      rule_group          = local.title
      alert_rule          = each.key
      # Google does not know a metric until something has written it.
      disable_metric_validation = true
    }
  }

  # The notification contains the playbook; the link leads to its source.
  documentation {
    subject   = "${local.title}: ${each.value.summary}"
    content   = file("${path.module}/playbooks/${each.key}.md")
    mime_type = "text/markdown"
    dynamic "links" {
      for_each = local.playbooks == null ? [] : [local.playbooks]
      content {
        display_name = "Playbook"
        url          = "${links.value}/${each.key}.md"
      }
    }
  }
  alert_strategy {
    auto_close = "${24 * 3600}s"
  }
  depends_on = [google_logging_metric.counted, google_logging_metric.no_instance, google_logging_metric.nightly]
}

# A chart for each alert: its query without the threshold. Then charts of what the programs count.
locals {
  charts = merge({ for name, alert in local.alerts : name => regex("^(.*) [<>] [0-9.]+$", alert.query)[0] }, local.api_charts, {
    "Dropped messages, by reason"                    = "sum by (outcome, result) (increase(logging_googleapis_com:user_${local.id}_messages{monitored_resource=\"cloud_run_revision\",outcome=\"unknown_workspace\"}[5m]) or increase(logging_googleapis_com:user_${local.id}_webhook_requests{monitored_resource=\"cloud_run_revision\",result=\"no_workspace\"}[5m]))"
    "Requests to the webhook, by result"             = "sum by (result, reason) (increase(logging_googleapis_com:user_${local.id}_webhook_requests{monitored_resource=\"cloud_run_revision\"}[5m]))"
    "Deliveries to the worker, by outcome"           = "sum by (outcome) (increase(logging_googleapis_com:user_${local.id}_messages{monitored_resource=\"cloud_run_revision\"}[5m]))"
    "Seconds from post to document, 99th percentile" = "histogram_quantile(0.99, sum by (le, source) (rate(logging_googleapis_com:user_${local.id}_post_to_document_bucket{monitored_resource=\"cloud_run_revision\"}[10m])))"
    "Answers to Slack that failed"                   = "sum by (response_code) (increase(${local.requests}{monitored_resource=\"cloud_run_revision\",service_name=\"${local.name}-webhook\",response_code=~\"429|5..\"}[5m]))"
    "Milliseconds to answer Slack, 99th percentile"  = "histogram_quantile(0.99, sum by (le) (rate(run_googleapis_com:request_latencies_bucket{monitored_resource=\"cloud_run_revision\",service_name=\"${local.name}-webhook\"}[10m])))"
    "People shown in a day, top ten viewers"         = "topk(10, sum by (viewer) (increase(logging_googleapis_com:user_${local.id}_people_shown_sum{monitored_resource=\"cloud_run_revision\"}[1d])))"
    "Full syncs, by outcome"                         = "sum by (outcome, team_id) (increase(logging_googleapis_com:user_${local.id}_syncs{monitored_resource=\"cloud_run_job\"}[1h]))"
  })
  api_charts = { for title, query in {
    "Requests to the API, by method and refusal" = "sum by (api_method, refused) (increase(logging_googleapis_com:user_${local.id}_api_requests{monitored_resource=\"cloud_run_revision\"}[5m]))"
    "Requests to the API, top ten tokens"        = "topk(10, sum by (token) (increase(logging_googleapis_com:user_${local.id}_api_requests{monitored_resource=\"cloud_run_revision\"}[1h])))"
  } : title => query if var.api }
}

resource "google_monitoring_dashboard" "rollcall" {
  dashboard_json = jsonencode({
    displayName = local.title
    mosaicLayout = {
      columns = 48
      # Google does not store positions of 0. Writing them would change the dashboard in every plan.
      tiles = [for i, title in concat(sort(keys(local.alerts)), sort(setsubtract(keys(local.charts), keys(local.alerts)))) : merge(
        i % 3 == 0 ? {} : { xPos = i % 3 * 16 },
        i < 3 ? {} : { yPos = floor(i / 3) * 14 },
        {
          width  = 16
          height = 14
          widget = {
            title = title
            xyChart = {
              dataSets = [{
                plotType        = "LINE"
                timeSeriesQuery = { prometheusQuery = local.charts[title] }
              }]
            }
          }
        },
      )]
    }
  })
  depends_on = [google_logging_metric.counted]
}
