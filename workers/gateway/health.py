"""Whether the gateway's stores answer."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from celery import Celery
from sqlalchemy import text

from db.errors import DatabaseError
from db.session import EVERY_TENANT, reading
from workers.delivery.poll_loop import TRANSIENT_ERRORS
from workers.delivery.publishing import Publisher
