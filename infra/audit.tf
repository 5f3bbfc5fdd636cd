# Data Access audit logs: who has read or written data past the services. The services' own calls are left out of
# Firestore's, because they log themselves what they do; there would be a line for each change and each look.
# For Firestore the service is called datastore (Google's page "Firestore audit logging information").
resource "google_project_iam_audit_config" "data" {
  for_each = {
    "datastore.googleapis.com"     = { types = ["DATA_READ", "DATA_WRITE"], exempt = [for a in google_service_account.runtime : a.member] }
    "secretmanager.googleapis.com" = { types = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"], exempt = [] }
  }
  project = var.project_id
  service = each.key
  dynamic "audit_log_config" {
    for_each = each.value.types
    content {
      log_type         = audit_log_config.value
      exempted_members = each.value.exempt
    }
  }
}
