terraform {
  required_version = ">= 1.11"

  # init names the bucket: terraform init -backend-config="bucket=…"
  backend "gcs" {
    prefix = "rollcall"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "7.45.0" # exactly: what is tested is what is applied
    }
  }
}

provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = var.labels
}
