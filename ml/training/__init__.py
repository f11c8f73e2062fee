"""How models are judged, calibrated and promoted."""
