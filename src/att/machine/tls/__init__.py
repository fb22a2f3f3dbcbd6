"""The certificate of the appliance port."""
