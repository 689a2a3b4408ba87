"""What is printed: documents in French and English at once, in black on white."""
