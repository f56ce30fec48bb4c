"""What is made of incomplete samples."""
