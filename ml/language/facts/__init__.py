"""Facts that leads tell of themselves: a small grammar, one module a kind."""
