# The server. Nothing that must last is on its own disk: it can be made anew with `apply -replace` while the data disks stay.

resource "openstack_compute_keypair_v2" "operator" {
  region     = var.region
  name       = var.name
  public_key = var.public_key
}

resource "openstack_compute_instance_v2" "server" {
  region            = var.region
  availability_zone = var.availability_zone
  name              = var.name
  image_name        = var.image
  flavor_name       = var.flavor
  key_pair          = openstack_compute_keypair_v2.operator.name
  # By name: ids make the provider see a change where there is none. Naming one keeps the default group, which lets everything in, away.
  security_groups = [openstack_networking_secgroup_v2.server.name]
  user_data       = var.user_data
  # PostgreSQL gets the time to end before the machine does.
  stop_before_destroy = true

  network {
    name           = var.network
    access_network = true
  }

  # A group without its rules would let nobody in, cloud-init's downloads aside; and rules go last when all is taken down.
  depends_on = [openstack_networking_secgroup_rule_v2.inward]

  lifecycle {
    # They only matter on the first boot. A newer image of the same name, a changed key or template would otherwise rebuild or replace a server that runs.
    ignore_changes = [image_id, image_name, user_data, key_pair]

    precondition {
      # Nova takes 65535 bytes in base64.
      condition     = startswith(var.user_data, "#cloud-config\n") && length(base64encode(var.user_data)) <= 65535
      error_message = "The user-data begins with #cloud-config and has at most 48 KiB."
    }
  }
}
