"""The service: domain, pipeline, storage, faces, and the one place they are wired together."""
