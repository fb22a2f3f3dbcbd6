"""ATT: a private platform for NeMo Agent Toolkit applications."""
