"""What the files of a job mean."""
