"""Finding, installing and registering the programs that run the jobs."""
