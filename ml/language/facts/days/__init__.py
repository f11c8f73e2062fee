"""Days and times in messages: when a lead wants to visit, and when to move."""
