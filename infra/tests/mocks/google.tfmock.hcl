# Values of the form that Google returns. Otherwise the mock makes up random strings, and the real
# provider refuses those as members and addresses of service accounts.

mock_data "google_project" {
  defaults = { number = "123456789012" }
}

mock_data "google_kms_crypto_key_version" {
  defaults = {
    id         = "//cloudkms.googleapis.com/v1/projects/rollcall-test/locations/europe-west1/keyRings/rollcall/cryptoKeys/images/cryptoKeyVersions/1"
    public_key = [{ algorithm = "EC_SIGN_P256_SHA256", pem = "-----BEGIN PUBLIC KEY-----" }]
  }
}

mock_resource "google_project_iam_custom_role" {
  defaults = { id = "projects/rollcall-test/roles/rollcallRole" }
}

override_resource {
  target = google_service_account.runtime["webhook"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-webhook@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-webhook@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-webhook@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-webhook@rollcall-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.runtime["worker"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-worker@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-worker@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-worker@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-worker@rollcall-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.runtime["ui"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-ui@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-ui@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-ui@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-ui@rollcall-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.runtime["api"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-api@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-api@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-api@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-api@rollcall-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.runtime["fullsync"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-fullsync@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-fullsync@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-fullsync@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-fullsync@rollcall-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.invoker["push"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-push@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-push@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-push@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-push@rollcall-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.invoker["scheduler"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-scheduler@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-scheduler@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-scheduler@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-scheduler@rollcall-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.builder["deployer"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-deployer@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-deployer@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-deployer@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-deployer@rollcall-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.builder["planner"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-planner@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-planner@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-planner@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-planner@rollcall-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.subscriber["crm"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-to-crm@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-to-crm@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-to-crm@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-to-crm@rollcall-test.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.subscriber["hr"]
  values = {
    id     = "projects/rollcall-test/serviceAccounts/rollcall-to-hr@rollcall-test.iam.gserviceaccount.com"
    name   = "projects/rollcall-test/serviceAccounts/rollcall-to-hr@rollcall-test.iam.gserviceaccount.com"
    email  = "rollcall-to-hr@rollcall-test.iam.gserviceaccount.com"
    member = "serviceAccount:rollcall-to-hr@rollcall-test.iam.gserviceaccount.com"
  }
}
