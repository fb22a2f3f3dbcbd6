# The appliance's QCOW2 image: boots the base disk without a network, hands it a release bundle and the provisioning
# tree, runs provision/NN-*.sh in order. It holds no logic of its own. `make packer-qemu` fills in the variables.
# Packer 1.6.6 and newer; from 1.7 on run `packer init packer/plugins` once.

variable "version" {
  type        = string
  description = "Version of the release in the bundle."
}

variable "base_image" {
  type        = string
  description = "Base disk, a path or an address: Debian trixie with the packages of appliance/packages.list."
}

variable "base_image_checksum" {
  type        = string
  description = "Its checksum, as sha256:HEX."
}

variable "accelerator" {
  type        = string
  default     = "tcg"
  description = "How QEMU runs the guest: kvm or tcg."
}

variable "cpu_model" {
  type        = string
  default     = "max"
  description = "QEMU's CPU model: max, or host for kvm."
}

variable "disk_size" {
  type        = string
  default     = "8192M"
  description = "Virtual size of the image's disk; its root file system grows to it."
}

variable "payload" {
  type        = list(string)
  description = "Files for the build's seed disk: user-data, meta-data, bundle.attb, trust.pem, tree.tar."
}

variable "ssh_private_key_file" {
  type        = string
  description = "Key whose public half the seed's user-data gives to the user packer."
}

variable "output_directory" {
  type        = string
  description = "Folder that Packer makes for the disk."
}

source "qemu" "att" {
  iso_url              = var.base_image
  iso_checksum         = var.base_image_checksum
  disk_image           = true
  skip_compaction      = true
  format               = "qcow2"
  disk_interface       = "virtio"
  disk_cache           = "unsafe"
  disk_discard         = "unmap"
  disk_detect_zeroes   = "unmap"
  disk_size            = var.disk_size
  accelerator          = var.accelerator
  headless             = true
  boot_wait            = "1s"
  qemu_binary          = "qemu-system-x86_64"
  output_directory     = var.output_directory
  vm_name              = "att.qcow2"
  cd_files             = var.payload
  cd_label             = "cidata"
  ssh_username         = "packer"
  ssh_private_key_file = var.ssh_private_key_file
  ssh_timeout          = "15m"
  shutdown_timeout     = "10m"
  shutdown_command     = "sudo systemctl poweroff"
  qemuargs = [
    ["-m", "2048"],
    ["-smp", "2"],
    ["-cpu", var.cpu_model],
    ["-serial", "file:${var.output_directory}.serial.log"],
    # The guest reaches nothing; only Packer reaches the guest.
    ["-netdev", "user,id=user.0,restrict=on,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22"],
  ]
}

build {
  sources = ["source.qemu.att"]

  provisioner "shell" {
    execute_command = "sudo env ATT_VERSION=${var.version} bash {{ .Path }}"
    script          = "packer/provision.sh"
    timeout         = "40m"
  }

  provisioner "file" {
    direction   = "download"
    source      = "/run/att-packages.tsv"
    destination = "${var.output_directory}.packages.tsv"
  }

  post-processor "manifest" {
    output     = "${var.output_directory}.manifest.json"
    strip_path = true
    custom_data = {
      version    = var.version
      base_image = var.base_image_checksum
    }
  }
}
