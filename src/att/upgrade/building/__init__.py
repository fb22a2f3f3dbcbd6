"""Makes the signed bundle of a merged commit on the appliance itself, of objects whose ids it computes itself."""
