"""What looks are made of: inks and tables, grounds and light, shapes, screens, layers, air."""
