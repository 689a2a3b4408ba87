"""What to make: designs, parts, meshes, plates, materials."""
