"""Pages and JSON over the coordinator. It decides nothing: a form, one use case, an answer."""
