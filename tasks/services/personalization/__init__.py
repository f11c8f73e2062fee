"""What a lead feels, where it stands, how and when to speak to it: for the tasks, the stage, card and worklist."""
