# A test compares these settings with those of local mode and the tests
# (internal/pubsub/topology.go).

resource "google_pubsub_topic" "user_events" {
  name       = "${var.prefix}user-events"
  depends_on = [google_project_service.api]
  message_storage_policy { # messages carry profiles
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic" "dead_letters" {
  name       = "${var.prefix}user-events-dead"
  depends_on = [google_project_service.api]
  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

# Keeps dead letters until somebody looks. Without a subscription the topic would lose them.
resource "google_pubsub_subscription" "parked" {
  name                       = "${var.prefix}user-events-dead-parked"
  topic                      = google_pubsub_topic.dead_letters.id
  message_retention_duration = "2678400s" # 31 days, Pub/Sub's longest
  expiration_policy {
    ttl = "" # never; by default Pub/Sub deletes it after 31 idle days
  }
}

resource "google_pubsub_subscription" "worker" {
  name                       = "${var.prefix}user-events-worker"
  topic                      = google_pubsub_topic.user_events.id
  ack_deadline_seconds       = 30
  message_retention_duration = "604800s" # 7 days to repair the worker

  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = 5
  }
  push_config {
    push_endpoint = "${google_cloud_run_v2_service.service["worker"].uri}/"
    oidc_token {
      service_account_email = google_service_account.invoker["push"].email
      audience              = local.push_audience
    }
  }
}

# Dead-lettering is done by Pub/Sub's own identity: it publishes to the dead-letter
# topic and acknowledges on the subscription (Google's page "Dead-letter topics").
resource "google_pubsub_topic_iam_member" "dead_letter_publisher" {
  topic  = google_pubsub_topic.dead_letters.id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letter_subscriber" {
  subscription = google_pubsub_subscription.worker.id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# Pub/Sub signs the tokens of its pushes.
resource "google_service_account_iam_member" "push_token" {
  service_account_id = google_service_account.invoker["push"].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent
}
