"""Long work: persistent, resumable after a crash, cancellable, with progress events and a log read by cursor."""
