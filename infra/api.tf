# The API, as an option. Its tokens are in a database of their own, so that restoring the directory does not revive revoked
# ones, and whoever may read the directory cannot read them.

locals {
  api = var.api ? toset(["api"]) : toset([])

  only_the_tokens = "resource.name == \"projects/${var.project_id}/databases/${local.name}-api\""
}

# No index and no TTL: tokens are found by document ID, and expired ones stay listed. No PITR and no backups: an operator can
# make new tokens.
resource "google_firestore_database" "tokens" {
  for_each                = local.api
  name                    = "${local.name}-${each.key}"
  location_id             = var.firestore_location
  type                    = "FIRESTORE_NATIVE"
  concurrency_mode        = "OPTIMISTIC"
  delete_protection_state = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy         = "DELETE"
  depends_on              = [google_project_service.api]
}

resource "google_firebaserules_release" "tokens" {
  for_each     = local.api
  name         = "cloud.firestore/${google_firestore_database.tokens[each.key].name}"
  ruleset_name = google_firebaserules_ruleset.nobody[0].name
}

# The api reads tokens. Operators write them, with rollcallctl and their own accounts.
resource "google_project_iam_member" "tokens" {
  for_each = local.api
  project  = var.project_id
  role     = local.reads_firestore
  member   = google_service_account.runtime[each.key].member
  condition {
    title      = "${local.name}-tokens"
    expression = local.only_the_tokens
  }
}

# Readers of the database itself, without the API. The audit log has a line for each of their reads.
resource "google_project_iam_member" "directory_reader" {
  for_each = var.directory_readers
  project  = var.project_id
  role     = local.reads_firestore
  member   = each.key
  condition {
    title      = "${local.name}-database"
    expression = local.only_the_database
  }
}
