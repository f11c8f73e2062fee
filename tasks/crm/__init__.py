"""CRMs, one adapter each: events in, requests for actions out."""
