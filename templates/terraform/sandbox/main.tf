# The sandbox: a server, its disks and an object store on this computer. Only Terraform's built-in resource: no provider is downloaded.
# The work is done by koprogo-infra's own program. What each resource is about goes to it as JSON in its environment, never in its
# command line, and never a secret: nothing in this file, its variables or its state is one.

terraform {
  required_version = ">= 1.4"
}

variable "node" {
  type        = string
  description = "Path of Node.js"
}

variable "program" {
  type        = string
  description = "Path of koprogo-infra's machine.js"
}

variable "directory" {
  type        = string
  description = "Where the disks and the object store lie"
}

variable "image" {
  type        = object({ disk = string, kernel = string, initrd = string })
  description = "The server image"
}

variable "sizes" {
  type        = object({ postgres = number, documents = number })
  description = "Sizes of the data disks in GiB"
}

variable "serials" {
  type        = object({ postgres = string, documents = string })
  description = "Serial numbers of the data disks: the server finds them by these"
}

variable "cpus" {
  type = number
}

variable "memory" {
  type        = number
  description = "In MiB"
}

variable "ports" {
  type        = object({ ssh = number, http = number, https = number, object_store = number })
  description = "Loopback ports of this computer"
}

variable "more_forwards" {
  type        = list(object({ from = number, to = number }))
  description = "Further ports of the server to reach from this computer, to see that its firewall closes them"
}

locals {
  run = "exec \"$KOPROGO_NODE\" \"$KOPROGO_PROGRAM\" \"$KOPROGO_VERB\""
  forwards = concat([
    { from = var.ports.ssh, to = 22 },
    { from = var.ports.http, to = 80 },
    { from = var.ports.https, to = 443 },
  ], var.more_forwards)
}

# The root disk, the two data disks, the TPM's state and the objects: everything that stays when the server is started anew.
# Only used to make them: a change of any of it leaves the disks alone, and nothing replaces them.
resource "terraform_data" "disks" {
  input = {
    node    = var.node
    program = var.program
    spec    = { directory = var.directory, image = var.image, sizes = var.sizes }
  }

  provisioner "local-exec" {
    command = local.run
    environment = {
      KOPROGO_NODE = self.input.node, KOPROGO_PROGRAM = self.input.program, KOPROGO_VERB = "disks-up", KOPROGO_SPEC = jsonencode(self.input.spec)
    }
  }
  provisioner "local-exec" {
    when    = destroy
    command = "exec \"$KOPROGO_NODE\" \"$KOPROGO_PROGRAM\" \"$KOPROGO_VERB\""
    environment = {
      KOPROGO_NODE = self.input.node, KOPROGO_PROGRAM = self.input.program, KOPROGO_VERB = "disks-down", KOPROGO_SPEC = jsonencode(self.input.spec)
    }
  }
}

# The daemons of the object store (Ceph RGW). Its objects belong to the disks above.
resource "terraform_data" "object_store" {
  depends_on = [terraform_data.disks]
  input = {
    node    = var.node
    program = var.program
    spec    = { directory = var.directory, port = var.ports.object_store }
  }
  triggers_replace = [var.directory, var.ports.object_store]

  provisioner "local-exec" {
    command = local.run
    environment = {
      KOPROGO_NODE = self.input.node, KOPROGO_PROGRAM = self.input.program, KOPROGO_VERB = "object-store-up", KOPROGO_SPEC = jsonencode(self.input.spec)
    }
  }
  provisioner "local-exec" {
    when    = destroy
    command = "exec \"$KOPROGO_NODE\" \"$KOPROGO_PROGRAM\" \"$KOPROGO_VERB\""
    environment = {
      KOPROGO_NODE = self.input.node, KOPROGO_PROGRAM = self.input.program, KOPROGO_VERB = "object-store-down", KOPROGO_SPEC = jsonencode(self.input.spec)
    }
  }
}

# The running machine. `apply -replace=terraform_data.server` switches it on again after a power cut.
resource "terraform_data" "server" {
  depends_on = [terraform_data.disks, terraform_data.object_store]
  input = {
    node    = var.node
    program = var.program
    spec = {
      directory = var.directory
      serials   = var.serials
      cpus      = var.cpus
      memory    = var.memory
      forwards  = local.forwards
    }
  }
  triggers_replace = [var.directory, var.serials, var.cpus, var.memory, local.forwards]

  provisioner "local-exec" {
    command = local.run
    environment = {
      KOPROGO_NODE = self.input.node, KOPROGO_PROGRAM = self.input.program, KOPROGO_VERB = "server-up", KOPROGO_SPEC = jsonencode(self.input.spec)
    }
  }
  provisioner "local-exec" {
    when    = destroy
    command = "exec \"$KOPROGO_NODE\" \"$KOPROGO_PROGRAM\" \"$KOPROGO_VERB\""
    environment = {
      KOPROGO_NODE = self.input.node, KOPROGO_PROGRAM = self.input.program, KOPROGO_VERB = "server-down", KOPROGO_SPEC = jsonencode(self.input.spec)
    }
  }
}

output "ssh" {
  value = { host = "127.0.0.1", port = var.ports.ssh, user = "debian" }
}

output "web" {
  value = { host = "127.0.0.1", http = var.ports.http, https = var.ports.https }
}

output "disks" {
  value = {
    postgres  = "/dev/disk/by-id/virtio-${var.serials.postgres}"
    documents = "/dev/disk/by-id/virtio-${var.serials.documents}"
  }
}

# 10.0.2.2 is this computer's loopback as the server sees it.
output "object_store" {
  value = {
    from_server = "http://10.0.2.2:${var.ports.object_store}"
    from_here   = "http://127.0.0.1:${var.ports.object_store}"
  }
}
