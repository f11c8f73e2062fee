"""The contracts: requests and results on the wire as pydantic models, one module for each folder of tasks."""
