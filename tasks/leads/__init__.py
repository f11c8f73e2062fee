"""`hearth.leads.*`: leads in, scores and worklists out."""
