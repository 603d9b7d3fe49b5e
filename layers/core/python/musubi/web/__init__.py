"""What is reachable over HTTP: the two webhook doors and the small API."""
