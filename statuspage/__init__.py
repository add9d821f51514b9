"""The public status page: a pure view of components, incidents and maintenance, its routes and feeds."""
