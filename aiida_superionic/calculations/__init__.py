"""Jobs and the small steps between them: what runs, and what is written for it."""
