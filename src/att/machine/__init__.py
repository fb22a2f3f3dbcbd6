"""The machine under the appliance: certificate, SSH keys, time, disk, network. attctl's commands for root act here."""
