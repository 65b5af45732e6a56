"""Studies: what each part of a data set is worth downstream. `glossator study`."""
