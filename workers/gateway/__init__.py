"""The HTTP door: tasks for programs that cannot reach the broker, and webhooks of CRMs."""
