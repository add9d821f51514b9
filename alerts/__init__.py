"""One file per contact channel driver. To add one: write ``alerts/<driver>.py``, name it in ``registry.py``."""
