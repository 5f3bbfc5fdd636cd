terraform {
  required_version = ">= 1.11"

  # init names the bucket: terraform init -backend-config="bucket=…"
  backend "gcs" {
    prefix = "rollcall"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "7.45.0" # exact, so that applies use the tested version
    }
  }
}

provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = var.labels
}
