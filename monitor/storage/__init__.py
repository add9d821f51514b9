"""The record: tables, the one writer, and plain functions over a connection. Rows never leave this package."""
