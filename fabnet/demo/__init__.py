"""The demo: a whole network on one machine, with the people of one order."""
