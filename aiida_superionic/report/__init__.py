"""Tables, figures and the one-file page: pure functions of results, without AiiDA."""
