"""What the gateway answers, by path; each module has its `ROUTES`: pairs of a path's pattern and its handler."""
