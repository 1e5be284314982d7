"""One module per observable; every module of this package is found by the registry."""
