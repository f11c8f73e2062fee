"""The Celery application. Nothing else of ours is imported with it, so that producers, beat and Flower stay small."""

from celery import Celery
from celery.signals import setup_logging

from workers.base import decoding
from workers.telemetry.logs import on_setup_logging

# kombu would take bodies apart without bounds
decoding.install()
app = Celery("hearth")
app.config_from_object("celeryconfig")
setup_logging.connect(on_setup_logging)
