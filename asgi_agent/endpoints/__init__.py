"""What each row of the route table does, one file per family of routes."""
