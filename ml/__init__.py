"""Pure models: records and arrays in, frozen results out. No Celery, no SQL, no environment, no network."""
