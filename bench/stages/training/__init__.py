"""The training core: from images and a recipe to weights."""
