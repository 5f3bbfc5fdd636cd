# Changes for programs. The worker publishes every record of the history to the topic user-changes, and every entry of
# change_subscriptions has a subscription, an identity and a dead-letter topic of its own.

resource "google_pubsub_schema" "user_change" {
  name       = "${var.prefix}user-change"
  type       = "PROTOCOL_BUFFER"
  definition = file("${path.module}/user-change.proto")
  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic" "user_changes" {
  name = "${var.prefix}user-changes"
  schema_settings {
    schema   = google_pubsub_schema.user_change.id
    encoding = "JSON"
  }
  message_storage_policy { # with changes_values, messages carry profiles
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic_iam_member" "changes_publisher" {
  topic  = google_pubsub_topic.user_changes.id
  role   = "roles/pubsub.publisher"
  member = google_service_account.runtime["worker"].member
}

locals {
  bigquery = var.changes_to_bigquery ? toset(["bigquery"]) : toset([])

  # push_endpoint is null for those who pull.
  subscribers = merge(var.change_subscriptions, { for name in local.bigquery : name => { push_endpoint = null, audience = null, filter = null } })

  # Pub/Sub itself writes to BigQuery.
  programs = { for name, s in local.subscribers : name => s if !contains(local.bigquery, name) }
  pullers  = { for name, s in local.programs : name => s if s.push_endpoint == null }
  pushed   = { for name, s in local.programs : name => s if s.push_endpoint != null }
}

# A program that pulls runs as this identity. A push carries its token, and the endpoint's owner lets it in.
resource "google_service_account" "subscriber" {
  for_each     = local.programs
  account_id   = "${local.name}-to-${each.key}"
  display_name = "Rollcall changes to ${each.key}"
  depends_on   = [google_project_service.api]
}

resource "google_pubsub_subscription" "changes" {
  for_each                   = local.subscribers
  name                       = "${google_pubsub_topic.user_changes.name}-${each.key}"
  topic                      = google_pubsub_topic.user_changes.id
  filter                     = each.value.filter
  ack_deadline_seconds       = 30
  message_retention_duration = "604800s" # 7 days to repair the subscriber

  expiration_policy {
    ttl = "" # never
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.changes_dead[each.key].id
    max_delivery_attempts = 20 # over two hours, so that a deployment of the subscriber parks nothing
  }
  dynamic "push_config" {
    for_each = each.value.push_endpoint == null ? [] : [each.value]
    content {
      push_endpoint = push_config.value.push_endpoint
      oidc_token {
        service_account_email = google_service_account.subscriber[each.key].email
        audience              = push_config.value.audience
      }
      no_wrapper { # the data is the body and the attributes are headers: a CloudEvent over HTTP
        write_metadata = true
      }
    }
  }
  dynamic "bigquery_config" {
    for_each = contains(local.bigquery, each.key) ? [google_bigquery_table.changes["bigquery"]] : []
    content {
      table               = "${bigquery_config.value.project}.${bigquery_config.value.dataset_id}.${bigquery_config.value.table_id}"
      use_table_schema    = true
      drop_unknown_fields = true
    }
  }
  depends_on = [google_bigquery_table_iam_member.pubsub]
}

resource "google_pubsub_topic" "changes_dead" {
  for_each   = local.subscribers
  name       = "${google_pubsub_topic.user_changes.name}-${each.key}-dead"
  depends_on = [google_project_service.api]
  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_subscription" "changes_parked" {
  for_each                   = local.subscribers
  name                       = "${google_pubsub_topic.changes_dead[each.key].name}-parked"
  topic                      = google_pubsub_topic.changes_dead[each.key].id
  message_retention_duration = "2678400s" # 31 days, Pub/Sub's longest
  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription_iam_member" "changes_subscriber" {
  for_each     = local.pullers
  subscription = google_pubsub_subscription.changes[each.key].id
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.subscriber[each.key].member
}

# Pub/Sub signs the tokens of its pushes.
resource "google_service_account_iam_member" "changes_token" {
  for_each           = local.pushed
  service_account_id = google_service_account.subscriber[each.key].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent
}

resource "google_pubsub_topic_iam_member" "changes_dead_publisher" {
  for_each = local.subscribers
  topic    = google_pubsub_topic.changes_dead[each.key].id
  role     = "roles/pubsub.publisher"
  member   = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "changes_dead_subscriber" {
  for_each     = local.subscribers
  subscription = google_pubsub_subscription.changes[each.key].id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

resource "google_project_service" "bigquery" {
  for_each           = local.bigquery
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

resource "google_bigquery_dataset" "changes" {
  for_each   = local.bigquery
  dataset_id = local.id
  location   = var.region
  depends_on = [google_project_service.bigquery]
}

# Rows expire as the history does.
resource "google_bigquery_table" "changes" {
  for_each            = local.bigquery
  dataset_id          = google_bigquery_dataset.changes[each.key].dataset_id
  table_id            = "user_changes"
  project             = var.project_id
  deletion_protection = var.deletion_protection
  clustering          = ["team_id", "user_id"]
  time_partitioning {
    type          = "DAY"
    field         = "at"
    expiration_ms = var.history_days * 24 * 3600 * 1000
  }
  schema = jsonencode([
    { name = "id", type = "STRING", mode = "REQUIRED", description = "The same when a message was delivered twice." },
    { name = "type", type = "STRING", mode = "REQUIRED" },
    { name = "team_id", type = "STRING", mode = "REQUIRED" },
    { name = "user_id", type = "STRING", mode = "REQUIRED" },
    { name = "changed", type = "STRING", mode = "REPEATED" },
    { name = "version", type = "INTEGER", mode = "NULLABLE" },
    { name = "at", type = "TIMESTAMP", mode = "REQUIRED" },
    { name = "source", type = "STRING", mode = "NULLABLE" },
    { name = "before", type = "JSON", mode = "NULLABLE" },
    { name = "after", type = "JSON", mode = "NULLABLE" },
  ])
}

resource "google_bigquery_table_iam_member" "pubsub" {
  for_each   = local.bigquery
  project    = var.project_id
  dataset_id = google_bigquery_table.changes[each.key].dataset_id
  table_id   = google_bigquery_table.changes[each.key].table_id
  role       = "roles/bigquery.dataEditor"
  member     = local.pubsub_agent
}
