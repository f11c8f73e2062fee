"""The tasks `hearth.privacy.*`: access, erasure and restriction of a person's data, and the consent ledger."""
