"""How often somebody may ask, in windows that replicas share."""
