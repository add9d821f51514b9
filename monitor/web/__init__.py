"""The HTTP faces for people who log in and programs with a token: NOC console, REST API, metrics, health."""
