"""What an API server knows of its kinds."""
