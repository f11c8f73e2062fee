"""The words of the business. Everybody may import them; they import nothing of ours."""
