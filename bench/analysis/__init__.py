"""From artifacts to records, and what they say."""
