"""What leaves Hearth: the outbox to the broker, events to the CRM."""
