# Who may do what, and nothing else. README.md has the reasons in a table.

# What each deployable runs as.
resource "google_service_account" "runtime" {
  for_each     = setunion(["webhook", "worker", "ui", "fullsync"], local.api)
  account_id   = "${local.name}-${each.key}"
  display_name = "Rollcall ${each.key}"
  depends_on   = [google_project_service.api]
}

# What invokes a deployable: Pub/Sub's push, and Cloud Scheduler.
resource "google_service_account" "invoker" {
  for_each     = toset(["push", "scheduler"])
  account_id   = "${local.name}-${each.key}"
  display_name = "Rollcall ${each.key} (invokes only)"
  depends_on   = [google_project_service.api]
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = toset(["webhook", "fullsync"])
  topic    = google_pubsub_topic.user_events.id
  role     = "roles/pubsub.publisher"
  member   = google_service_account.runtime[each.key].member
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each  = merge({ webhook = "slack-signing-secret", fullsync = "slack-bot-tokens", ui = "audit-hash-key" }, { for name in local.api : name => "audit-hash-key" })
  secret_id = google_secret_manager_secret.value[each.value].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runtime[each.key].member
}

# Firestore's roles can only be granted on a project; the condition narrows them to the one database.
resource "google_project_iam_member" "firestore" {
  for_each = local.firestore_roles
  project  = var.project_id
  role     = each.value
  member   = google_service_account.runtime[each.key].member
  condition {
    title      = "${local.name}-database"
    expression = local.only_the_database
  }
}

locals {
  firestore_roles = merge({
    worker   = "roles/datastore.user"
    fullsync = "roles/datastore.user"
    ui       = local.reads_firestore
  }, { for name in local.api : name => local.reads_firestore })
  reads_firestore     = "roles/datastore.viewer"
  counts_dead_letters = "roles/monitoring.viewer"

  only_the_database = "resource.name == \"projects/${var.project_id}/databases/${local.database}\""
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = {
    worker = google_service_account.invoker["push"].member
    ui     = local.iap_agent # passes on viewers who have signed in
  }
  name     = google_cloud_run_v2_service.service[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value
}

resource "google_cloud_run_v2_job_iam_member" "fullsync" {
  for_each = {
    scheduler = { role = "roles/run.invoker", member = google_service_account.invoker["scheduler"].member }
    sync_now  = { role = "roles/run.invoker", member = google_service_account.runtime["ui"].member }
    is_it_on  = { role = "roles/run.viewer", member = google_service_account.runtime["ui"].member }
  }
  name     = google_cloud_run_v2_job.fullsync.name
  location = var.region
  role     = each.value.role
  member   = each.value.member
}

# The status page counts dead letters. Cloud Monitoring has no smaller grant than the project.
resource "google_project_iam_member" "dead_letter_count" {
  project = var.project_id
  role    = local.counts_dead_letters
  member  = google_service_account.runtime["ui"].member
}

resource "google_iap_web_cloud_run_service_iam_member" "viewer" {
  for_each               = var.viewers
  cloud_run_service_name = google_cloud_run_v2_service.service["ui"].name
  location               = var.region
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = each.key
}
