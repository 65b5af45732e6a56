"""What the report and the review page are both made of: counts, drawings, texts in pieces, macros, and the look."""
