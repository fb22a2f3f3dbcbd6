"""Another key in the place of each that this appliance made for itself."""
