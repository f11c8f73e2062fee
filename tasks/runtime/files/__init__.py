"""The files of a process: its workspace, and the grants that let it read a file outside of it."""
