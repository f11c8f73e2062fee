"""The embedded cluster: broker, processes, locks, Flower, watchdog."""
