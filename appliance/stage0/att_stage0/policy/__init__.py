"""Whether a rollback may be carried out: decided and recorded before anything is."""
