"""What strangers send to every address where crashes and alerts come in, and what the service makes of it."""
