"""The connection a unit of work is handed, by name, for those who pass one on and may not know the database."""

from sqlalchemy import Connection

__all__ = ["Connection"]
