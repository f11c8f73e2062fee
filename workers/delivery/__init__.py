"""Delivery out of Hearth: outbox messages to the broker, events to the CRM."""
