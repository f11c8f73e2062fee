"""`hearth.conversations.*`: what messages say."""
