"""One node of the graph, looked at: what it is, its curves, and where its numbers come from."""
