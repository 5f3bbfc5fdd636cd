terraform {
  required_version = ">= 1.11"

  # Where the state lives is said at init: terraform init -backend-config="bucket=…"
  backend "gcs" {
    prefix = "rollcall"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "7.45.0" # one version everywhere: what the tests have seen is what is applied
    }
  }
}

provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = var.labels
}
