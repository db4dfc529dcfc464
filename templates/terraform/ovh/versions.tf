# Credentials come from the environment only: OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and their like for OpenStack,
# OVH_APPLICATION_KEY, OVH_APPLICATION_SECRET and OVH_CONSUMER_KEY for OVH. None is a variable, in a file, or in the state.

terraform {
  required_version = ">= 1.4"
  required_providers {
    openstack = {
      source  = "terraform-provider-openstack/openstack"
      version = "~> 3.4"
    }
    ovh = {
      source  = "ovh/ovh"
      version = "~> 2.19"
    }
  }
}

provider "openstack" {
  region = var.region
}
