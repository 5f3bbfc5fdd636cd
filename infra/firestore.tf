resource "google_firestore_database" "directory" {
  name                              = local.database
  location_id                       = var.firestore_location
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "OPTIMISTIC"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = var.deletion_protection || var.firestore_existing ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = var.firestore_existing ? "ABANDON" : "DELETE" # an existing database may have others' data
  depends_on                        = [google_project_service.api]
}

resource "google_firestore_backup_schedule" "daily" {
  database  = google_firestore_database.directory.name
  retention = "${7 * 24 * 3600}s"
  daily_recurrence {}
}

resource "google_firestore_backup_schedule" "weekly" {
  database  = google_firestore_database.directory.name
  retention = "${14 * 7 * 24 * 3600}s" # Firestore's longest
  weekly_recurrence {
    day = "SUNDAY"
  }
}

locals {
  # `go test ./infra -run TestIndexes -update` writes it from the list beside the queries.
  firestore = jsondecode(file("${path.module}/firestore-indexes.json"))

  # The provider's default is 20 minutes. An index over a large directory takes longer; a build has six hours.
  index_timeout = "4h"
}

resource "google_firestore_index" "query" {
  for_each = {
    for index in local.firestore.indexes :
    join(" ", concat([index.collection], [for f in index.fields : "${f.path}:${f.order}"])) => index
  }
  database    = google_firestore_database.directory.name
  collection  = each.value.collection
  query_scope = "COLLECTION"
  timeouts {
    create = local.index_timeout
    delete = local.index_timeout
  }

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path   = fields.value.path
      order        = fields.value.order == "CONTAINS" ? null : fields.value.order
      array_config = fields.value.order == "CONTAINS" ? "CONTAINS" : null
    }
  }
}

# Single-field indexes that no query uses cost storage, and one on a value that
# grows with time limits the write rate.
resource "google_firestore_field" "exemption" {
  for_each   = { for e in local.firestore.exemptions : "${e.collection} ${e.field}" => e }
  database   = google_firestore_database.directory.name
  collection = each.value.collection
  field      = each.value.field
  timeouts {
    create = local.index_timeout
    update = local.index_timeout
    delete = local.index_timeout
  }

  index_config {
    dynamic "indexes" {
      for_each = each.value.orders
      content {
        order       = indexes.value
        query_scope = "COLLECTION"
      }
    }
  }

  # Firestore deletes a document within a day after the time in the field.
  dynamic "ttl_config" {
    for_each = each.value.ttl ? [true] : []
    content {}
  }
}

# Refuses client SDKs. An existing database keeps its own rules.
resource "google_firebaserules_ruleset" "nobody" {
  count = var.firestore_existing && !var.api ? 0 : 1
  source {
    files {
      name    = "firestore.rules"
      content = file("${path.module}/firestore.rules")
    }
  }
  lifecycle {
    create_before_destroy = true # the release refers to it
  }
  depends_on = [google_project_service.api]
}

resource "google_firebaserules_release" "nobody" {
  count        = var.firestore_existing ? 0 : 1
  name         = "cloud.firestore/${google_firestore_database.directory.name}"
  ruleset_name = google_firebaserules_ruleset.nobody[0].name
}
