"""Actions, enrolments in the experiment, pauses."""
