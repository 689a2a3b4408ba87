"""Our own designs, as data and as the geometry that makes them."""
