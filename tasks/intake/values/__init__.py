"""Read one value each: dates, phone numbers, numbers, levels and lists."""
