"""The dashboard: pages for people over the services that the API's routes call; it has no rules of its own."""
