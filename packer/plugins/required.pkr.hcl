# For Packer 1.7 and newer only, where the QEMU builder is a plugin: `packer init packer/plugins`.
packer {
  required_plugins {
    qemu = {
      version = ">= 1.0.0"
      source  = "github.com/hashicorp/qemu"
    }
  }
}
