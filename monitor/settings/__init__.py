"""The configuration: strict YAML in, frozen dataclasses out."""
