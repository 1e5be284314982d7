"""From a campaign file to points, attempts and results."""
