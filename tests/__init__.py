"""Makes `tests` a package of its own: one of the libraries that tests are made with installs a package of this name."""
