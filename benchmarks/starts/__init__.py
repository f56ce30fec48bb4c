"""What the choices within the starts rest on."""
