"""Networks that were trained elsewhere: how they are found, read and given images."""
