mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id         = "rollcall-test"
  firestore_location = "eur3"
  images = {
    webhook  = "r/webhook@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    worker   = "r/worker@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    ui       = "r/ui@sha256:2222222222222222222222222222222222222222222222222222222222222222"
    fullsync = "r/fullsync@sha256:3333333333333333333333333333333333333333333333333333333333333333"
    api      = "r/api@sha256:5555555555555555555555555555555555555555555555555555555555555555"
  }
  viewers              = []
  alert_emails         = { oncall = "oncall@example.com" }
  alert_channels       = ["projects/rollcall-test/notificationChannels/1"]
  repository_url       = "https://example.com/rollcall/"
  api                  = true
  sync_every_hours     = 6
  drift_threshold      = 7
  change_subscriptions = { crm = {} }
  repository           = "projects/rollcall-test/locations/europe-west1/connections/github/repositories/rollcall"
  state_bucket         = "rollcall-state"
  builder              = "r/builder@sha256:4444444444444444444444444444444444444444444444444444444444444444"
}

run "alerts" {
  assert {
    condition = toset(keys(google_monitoring_alert_policy.alert)) == toset([
      "APIDown", "APIErrors", "APILatency", "APIRefusedTokens", "AppRateLimited", "BodiesRefused", "ChangesBehind", "ChangesUndelivered", "DeadLetters", "Drift", "FirestoreErrors", "FullSyncFailed", "FullSyncMissing", "NightlyTests", "NoInstance", "OldestUnackedMessage",
      "SignatureFailures", "UIErrors", "WebhookDown", "WorkspaceDisconnected",
      ]) && toset(keys(google_monitoring_alert_policy.burn)) == toset([
      "EventToDocument fast", "EventToDocument slow", "WebhookErrors fast", "WebhookErrors slow", "WebhookLatency fast", "WebhookLatency slow",
    ])
    error_message = "Every signal has an alert. An SLO has two on its burn rate and no plain threshold."
  }
  assert {
    condition     = toset([for name in concat(keys(google_monitoring_alert_policy.alert), keys(google_monitoring_slo.promise)) : "${name}.md"]) == fileset("playbooks", "*.md")
    error_message = "Every alert has its playbook, and every playbook its alert."
  }
  assert {
    condition = alltrue([
      for name, a in merge(google_monitoring_alert_policy.alert, google_monitoring_alert_policy.burn) :
      startswith(a.documentation[0].content, "# ${split(" ", name)[0]}\n") && length(a.documentation[0].content) < 8192 &&
      alltrue([for part in ["**What it means.**", "**Look.**", "\n```\n", "**What to do"] : strcontains(a.documentation[0].content, part)]) &&
      a.documentation[0].links[0].url == "https://example.com/rollcall/blob/main/infra/playbooks/${split(" ", name)[0]}.md"
    ])
    error_message = "An alert contains and links to its playbook, which says what it means, where to look (with something to paste) and what to do."
  }
  assert {
    condition = alltrue([for a in google_monitoring_alert_policy.burn :
      a.combiner == "AND" && length(a.conditions) == 2 && alltrue([for c in a.conditions : startswith(c.condition_threshold[0].filter, "select_slo_burn_rate(")])
    ])
    error_message = "A burn rate has a long and a short window."
  }
  assert {
    condition = alltrue([for s in google_monitoring_slo.promise :
      length(s.request_based_sli[0].good_total_ratio) + length(s.request_based_sli[0].distribution_cut) == 1
    ]) && google_monitoring_slo.promise["EventToDocument"].request_based_sli[0].distribution_cut[0].range[0].max == 10.24
    error_message = "Each SLO has one indicator; a change is in its document within ten seconds."
  }
  assert {
    condition     = alltrue([for a in merge(google_monitoring_alert_policy.alert, google_monitoring_alert_policy.burn) : length(a.notification_channels) == 2])
    error_message = "Every alert goes to every channel."
  }
  assert {
    condition     = alltrue([for c in google_monitoring_notification_channel.email : c.force_delete])
    error_message = "An address can be removed although policies refer to it."
  }
  assert {
    condition = (
      !can(regex("\"[xy]Pos\":0[,}]", google_monitoring_dashboard.rollcall.dashboard_json)) &&
      length(distinct([for t in jsondecode(google_monitoring_dashboard.rollcall.dashboard_json).mosaicLayout.tiles : "${try(t.xPos, 0)} ${try(t.yPos, 0)}"])) ==
      length(jsondecode(google_monitoring_dashboard.rollcall.dashboard_json).mosaicLayout.tiles)
    )
    error_message = "The next plan does not change the dashboard, and no tile covers another."
  }
  assert {
    condition = (
      strcontains(google_monitoring_alert_policy.alert["FullSyncMissing"].conditions[0].condition_prometheus_query_language[0].query, "[375m])) or vector(0)) < 0.5") &&
      google_monitoring_alert_policy.alert["FullSyncMissing"].conditions[0].condition_prometheus_query_language[0].duration == "22500s"
    )
    error_message = "A missing sync alerts after two intervals, even if there never was one, and not before the first could run."
  }
  assert {
    condition     = endswith(google_monitoring_alert_policy.alert["Drift"].conditions[0].condition_prometheus_query_language[0].query, "[360m])) > 7")
    error_message = "Drift is compared with its threshold."
  }
  assert {
    condition     = { for name, c in google_monitoring_uptime_check_config.service : name => "${c.monitored_resource[0].labels.host}${c.http_check[0].path}" } == { for name in ["webhook", "api"] : name => "rollcall-${name}-123456789012.europe-west1.run.app/health" }
    error_message = "Uptime checks ask the webhook and the API."
  }
  assert {
    condition = alltrue([
      for name, a in google_monitoring_alert_policy.alert : startswith(
        a.conditions[0].condition_prometheus_query_language[0].query,
        { for tile in jsondecode(google_monitoring_dashboard.rollcall.dashboard_json).mosaicLayout.tiles : tile.widget.title => tile.widget.xyChart.dataSets[0].timeSeriesQuery.prometheusQuery }[name]
      )
    ])
    error_message = "The dashboard shows the alerts' queries."
  }
  assert {
    condition = alltrue([
      for name in concat(keys(google_logging_metric.counted), ["no_instance", "nightly"]) : strcontains(google_monitoring_dashboard.rollcall.dashboard_json, "user_rollcall_${name}")
    ])
    error_message = "The dashboard shows every one of our metrics."
  }
}
