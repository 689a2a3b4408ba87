"""One blueprint a question; pages never import one another."""
