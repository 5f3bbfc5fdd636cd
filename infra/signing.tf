# infra/images.sh signs images that have Cloud Build's provenance, by digest, and Cloud Run starts no image without that
# signature. The key never leaves Cloud KMS. Signatures are attestations in Artifact Analysis, not tags, so immutable tags do
# not get in their way when an image is built again (Google's page "Create attestations").

resource "google_kms_key_ring" "images" {
  name       = local.name # Google keeps it forever
  location   = var.region
  depends_on = [google_project_service.api]
}

resource "google_kms_crypto_key" "images" {
  name     = "images"
  key_ring = google_kms_key_ring.images.id
  purpose  = "ASYMMETRIC_SIGN"
  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = "SOFTWARE"
  }
}

data "google_kms_crypto_key_version" "images" {
  crypto_key = google_kms_crypto_key.images.id
}

resource "google_container_analysis_note" "images" {
  name = "${local.name}-images"
  attestation_authority {
    hint {
      human_readable_name = "Images that Cloud Build built and infra/images.sh signed"
    }
  }
  depends_on = [google_project_service.api]
}

resource "google_binary_authorization_attestor" "images" {
  name = "${local.name}-images"
  attestation_authority_note {
    note_reference = google_container_analysis_note.images.name
    public_keys {
      id = data.google_kms_crypto_key_version.images.id
      pkix_public_key {
        public_key_pem      = data.google_kms_crypto_key_version.images.public_key[0].pem
        signature_algorithm = data.google_kms_crypto_key_version.images.public_key[0].algorithm
      }
    }
  }
}

# A project has one policy. It applies only to what asks for it, as the services and the job here do.
resource "google_binary_authorization_policy" "project" {
  count                         = var.signed_images_only ? 1 : 0
  global_policy_evaluation_mode = "ENABLE" # Google's own images need no signature of ours
  default_admission_rule {
    evaluation_mode         = "REQUIRE_ATTESTATION"
    enforcement_mode        = "ENFORCED_BLOCK_AND_AUDIT_LOG"
    require_attestations_by = [google_binary_authorization_attestor.images.name]
  }
}

# The deployer signs. It can change neither the key nor the policy.
resource "google_kms_crypto_key_iam_member" "signer" {
  crypto_key_id = google_kms_crypto_key.images.id
  role          = "roles/cloudkms.signerVerifier"
  member        = google_service_account.builder["deployer"].member
}

resource "google_binary_authorization_attestor_iam_member" "signer" {
  attestor = google_binary_authorization_attestor.images.name
  role     = "roles/binaryauthorization.attestorsViewer"
  member   = google_service_account.builder["deployer"].member
}

resource "google_container_analysis_note_iam_member" "signer" {
  note   = google_container_analysis_note.images.name
  role   = "roles/containeranalysis.notes.attacher"
  member = google_service_account.builder["deployer"].member
}
