"""attctl: made from the operations, through an index that is generated and committed, so that it starts fast."""
