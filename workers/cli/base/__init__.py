"""Parts that all commands share: options, output, errors, the client of the cluster."""
