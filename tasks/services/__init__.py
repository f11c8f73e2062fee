"""Steps that two entry points share; they register no task."""
