"""What every process needs: settings, errors, messages, the quarantine, the database."""
