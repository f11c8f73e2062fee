"""`hearth.online.*`: what became of scored leads is learnt as it is told."""
