"""`hearth score`, `assess`, `worklist`, `card` and `explain`."""
