"""What explanations say of places ("below the total", "at the top right"), and whether it is so. Pure functions."""
