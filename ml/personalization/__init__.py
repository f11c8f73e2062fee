"""What a lead feels over time, where it stands, how and when to speak to it."""
