"""The outbound stream and the circuit breakers of its receivers."""
