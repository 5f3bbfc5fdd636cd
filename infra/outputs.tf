locals {
  # users:read lists people, users.profile:read reads custom fields, team:read the workspace's icon.
  slack_scopes = concat(["users:read", "users.profile:read", "team:read"], sort(var.slack_optional_scopes))
}

output "slack_app_manifest" {
  description = "The Slack app's manifest, to paste at api.slack.com/apps, Create New App, From a manifest."
  value = templatefile("${path.module}/slack/manifest.yaml", {
    url         = local.url.webhook
    scopes      = local.slack_scopes
    socket_mode = var.slack_socket_mode
  })
}

output "webhook_url" {
  description = "Slack's Request URL."
  value       = "${local.url.webhook}/slack/events"
}

output "ui_url" {
  description = "The page, for the members of viewers."
  value       = local.url.ui
}

output "api_url" {
  description = "The base address for Slack SDKs; null without api."
  value       = var.api ? "${local.url.api}/api/" : null
}

output "api_url_outside" {
  description = "The same for the smoke test, if the API answers from outside; otherwise empty."
  value       = local.api_outside ? "${local.url.api}/api/" : ""
}

output "image_repository" {
  description = "Where the images are."
  value       = local.image_repository
}

output "change_subscriptions" {
  description = "The subscription and the identity of each subscriber of user-changes."
  value       = { for name, s in google_pubsub_subscription.changes : name => { subscription = s.id, identity = try(google_service_account.subscriber[name].email, null) } }
}

output "dashboard" {
  description = "The dashboard in the console."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${basename(google_monitoring_dashboard.rollcall.id)}?project=${var.project_id}"
}
