"""The ensemble that models share: preprocessing, linear and tree members, stacking, and the scorer over them."""
