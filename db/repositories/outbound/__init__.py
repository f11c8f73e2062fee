"""The outbound event stream and the circuit breakers of its receivers."""
