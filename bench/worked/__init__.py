"""The HW5 report's two worked problems."""
