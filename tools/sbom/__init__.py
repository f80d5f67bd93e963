"""Bills of materials of our images: the packages of Python and Debian in them, as CycloneDX."""
