"""`hearth evaluate`: one file a thing that is measured."""
