# Data Access audit logs: who reads or writes data other than through the services. The services' own calls to Firestore
# are exempt, because the services log what they do, and the audit log would get a line for every read and write.
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
