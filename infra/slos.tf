# SLOs, and alerts on how fast their error budgets burn. At a burn rate of 1 the budget of 28 days lasts exactly 28 days. 14.4 uses
# 2 % of it in an hour (page), 6 uses 5 % in six hours (ticket). The shorter window ends an alert soon after the fault ends
# (The Site Reliability Workbook, "Alerting on SLOs").
locals {
  webhook_filter = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${local.name}-webhook\""

  slos = {
    WebhookErrors = {
      summary = "The webhook fails requests; if over 95 % fail in an hour, Slack disables the subscription"
      goal    = 0.999
      # Requests refused for their signature count neither as good nor as bad.
      good  = "${local.webhook_filter} AND metric.type=\"run.googleapis.com/request_count\" AND metric.labels.response_code_class=\"2xx\""
      bad   = "${local.webhook_filter} AND metric.type=\"run.googleapis.com/request_count\" AND metric.labels.response_code=one_of(\"429\",\"500\",\"502\",\"503\",\"504\")"
      times = null
      max   = null
    }
    WebhookLatency = {
      summary = "The webhook takes more than two seconds, and Slack gives up after three"
      goal    = 0.99
      good    = null
      bad     = null
      times   = "${local.webhook_filter} AND metric.type=\"run.googleapis.com/request_latencies\" AND metric.labels.response_code_class=\"2xx\""
      max     = 2000 # milliseconds
    }
    EventToDocument = {
      summary = "Changes take more than ten seconds from Slack to their document"
      goal    = 0.99
      good    = null
      bad     = null
      times   = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.counted["post_to_document"].name}\" AND metric.labels.source=\"event\""
      max     = 10.24 # seconds, a bucket bound of the metric
    }
  }

  burns = {
    fast = { rate = 14.4, severity = "CRITICAL", long = "3600s", short = "300s" }
    slow = { rate = 6, severity = "ERROR", long = "21600s", short = "1800s" }
  }
}

resource "google_monitoring_custom_service" "rollcall" {
  service_id   = local.name
  display_name = local.title
  depends_on   = [google_project_service.api]
}

resource "google_monitoring_slo" "promise" {
  for_each            = local.slos
  service             = google_monitoring_custom_service.rollcall.service_id
  slo_id              = lower(each.key)
  display_name        = each.key
  goal                = each.value.goal
  rolling_period_days = 28
  request_based_sli {
    dynamic "good_total_ratio" {
      for_each = each.value.good == null ? [] : [each.value]
      content {
        good_service_filter = good_total_ratio.value.good
        bad_service_filter  = good_total_ratio.value.bad
      }
    }
    dynamic "distribution_cut" {
      for_each = each.value.times == null ? [] : [each.value]
      content {
        distribution_filter = distribution_cut.value.times
        range {
          max = distribution_cut.value.max
        }
      }
    }
  }
}

resource "google_monitoring_alert_policy" "burn" {
  for_each              = { for pair in setproduct(keys(local.slos), keys(local.burns)) : "${pair[0]} ${pair[1]}" => merge(local.burns[pair[1]], { slo = pair[0] }) }
  display_name          = "${local.title}/${each.key}"
  severity              = each.value.severity
  combiner              = "AND"
  notification_channels = local.notification_channels

  dynamic "conditions" {
    for_each = [each.value.long, each.value.short]
    content {
      display_name = "${local.slos[each.value.slo].summary} (over ${conditions.value})"
      condition_threshold {
        filter          = "select_slo_burn_rate(\"${google_monitoring_slo.promise[each.value.slo].name}\", \"${conditions.value}\")"
        comparison      = "COMPARISON_GT"
        threshold_value = each.value.rate
        duration        = "0s"
      }
    }
  }
  documentation {
    subject   = "${local.title}: ${local.slos[each.value.slo].summary}"
    content   = file("${path.module}/playbooks/${each.value.slo}.md")
    mime_type = "text/markdown"
    dynamic "links" {
      for_each = local.playbooks == null ? [] : [local.playbooks]
      content {
        display_name = "Playbook"
        url          = "${links.value}/${each.value.slo}.md"
      }
    }
  }
  alert_strategy {
    auto_close = "${24 * 3600}s"
  }
}
