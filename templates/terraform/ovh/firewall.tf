# What reaches the server from outside. The server's own firewall says the same; this one holds before the server has booted.

locals {
  doors = { ssh = 22, http = 80, https = 443 }
  everywhere = {
    IPv4 = "0.0.0.0/0"
    IPv6 = "::/0"
  }
  inward = merge([for door, port in local.doors : { for family, from in local.everywhere : "${door}-${family}" => { port = port, family = family, from = from } }]...)
}

# A new group lets everything out, which Neutron itself adds, and nothing in.
resource "openstack_networking_secgroup_v2" "server" {
  region      = var.region
  name        = var.name
  description = "SSH, HTTP and HTTPS from everywhere, nothing else"
}

resource "openstack_networking_secgroup_rule_v2" "inward" {
  for_each          = local.inward
  region            = var.region
  security_group_id = openstack_networking_secgroup_v2.server.id
  direction         = "ingress"
  ethertype         = each.value.family
  protocol          = "tcp"
  port_range_min    = each.value.port
  port_range_max    = each.value.port
  remote_ip_prefix  = each.value.from
}
